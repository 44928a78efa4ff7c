// Where a stack is deployed to.

import { Stack, Token } from "aws-cdk-lib";
import { RegionInfo } from "aws-cdk-lib/region-info";
import { Construct } from "constructs";

/** The partition is known where the Region is: a digest of the configuration cannot be made of what is not known yet. */
export function place(scope: Construct): { partition: string; region: string; account: string } {
  const { partition, region, account } = Stack.of(scope);
  return { partition: Token.isUnresolved(region) ? partition : (RegionInfo.get(region).partition ?? partition), region, account };
}
