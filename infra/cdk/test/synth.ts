// Synthesises a stack for each of the properties given, and prints its template and what cdk-nag finds, as JSON by name:
// `node synth.js '{"deleting": {"mode": "delete"}}'`. Compared with Terraform's by tests/infrastructure/test_cdk.py.

import { App, Aspects, Stack } from "aws-cdk-lib";
import { Annotations, Match, Template } from "aws-cdk-lib/assertions";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as s3 from "aws-cdk-lib/aws-s3";
import { AwsSolutionsChecks, NagSuppressions } from "cdk-nag";
import { EcrCleanup } from "../lib";

const accepted = [
  {
    id: "AwsSolutions-IAM5",
    reason: "Calls that list have no resource to name; deleting is bound to repositories of this account by `cleanableRepositories`.",
  },
  { id: "AwsSolutions-SQS3", reason: "These queues are where failures end: they are dead-letter queues themselves." },
];

function synthesise(props: any) {
  const app = new App();
  const stack = new Stack(app, "Test", { env: { account: "123456789012", region: "eu-west-1" } });
  const code = lambda.Code.fromBucket(s3.Bucket.fromBucketName(stack, "Code", "code"), "function.zip", "1");
  const cleanup = new EcrCleanup(stack, "EcrCleanup", { ...props, code });
  NagSuppressions.addResourceSuppressions(cleanup, accepted, true);
  Aspects.of(app).add(new AwsSolutionsChecks());
  const template = Template.fromStack(stack).toJSON();
  const annotations = Annotations.fromStack(stack);
  const pattern = Match.stringLikeRegexp("AwsSolutions-.*");
  const found = [...annotations.findError("*", pattern), ...annotations.findWarning("*", pattern)];
  return { template, findings: found.map((one) => `${one.id}: ${one.entry.data}`) };
}

const given: { [name: string]: any } = JSON.parse(process.argv[2]);
const synthesised = Object.entries(given).map(([name, props]) => {
  try {
    return [name, synthesise(props)];
  } catch (error) {
    return [name, { error: (error as Error).message }];
  }
});
console.log(JSON.stringify(Object.fromEntries(synthesised)));
