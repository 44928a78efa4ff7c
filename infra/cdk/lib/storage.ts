// The bucket for state and reports, and where the configuration is kept.

import { Duration } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as kms from "aws-cdk-lib/aws-kms";
import * as s3 from "aws-cdk-lib/aws-s3";
import * as assets from "aws-cdk-lib/aws-s3-assets";
import * as ssm from "aws-cdk-lib/aws-ssm";
import { Construct } from "constructs";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { place } from "./place";

/** Reports are the record of what was deleted: versioned, and left when the stack goes. */
export function addBucket(scope: Construct, bucketName: string, writers: string[], keyArn?: string, expiring: s3.LifecycleRule[] = []) {
  const bucket = new s3.Bucket(scope, "Bucket", {
    bucketName,
    versioned: true,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    bucketKeyEnabled: keyArn ? true : undefined,
    encryptionKey: keyArn ? kms.Key.fromKeyArn(scope, "BucketKey", keyArn) : undefined,
    lifecycleRules: [
      { id: "expire", prefix: "reports/", expiration: Duration.days(400) },
      ...expiring,
      { id: "leftovers", noncurrentVersionExpiration: Duration.days(30), abortIncompleteMultipartUploadAfter: Duration.days(7) },
    ],
  });
  // Below the folder of an account. The object that stops every deployment lies beside these, and is for everybody who may write here.
  bucket.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: "OnlyTheFunctionWritesState",
      effect: iam.Effect.DENY,
      principals: [new iam.StarPrincipal()],
      actions: ["s3:PutObject"],
      resources: [`arn:${place(scope).partition}:s3:::${bucketName}/state/*/*`],
      conditions: { ArnNotLike: { "aws:PrincipalArn": writers } },
    }),
  );
}

/** Among the assets of CDK, since CloudFormation has no object. */
export function addObject(scope: Construct, told: string): assets.Asset {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "ecr-cleanup-")), "config.json");
  fs.writeFileSync(file, told);
  return new assets.Asset(scope, "ConfigObject", { path: file });
}

/** Returns how the function finds it. */
export function addParameter(scope: Construct, name: string, told: string): string {
  if (told.length > 8192) throw new Error('the configuration does not fit into the 8 KB of a parameter: set `configStore: "s3"`');
  const parameterName = `/${name}/config`;
  new ssm.StringParameter(scope, "Config", {
    parameterName,
    description: `Configuration of the function ${name}, which refuses any other than this`,
    tier: ssm.ParameterTier.INTELLIGENT_TIERING,
    stringValue: told,
  });
  return `ssm:${parameterName}`;
}
