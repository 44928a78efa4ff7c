// Synthesises a stack for each of the properties given, and prints its template and what cdk-nag finds, as JSON by name:
// `node synth.js '{"deleting": {"mode": "delete"}}'`. Compared with Terraform's by tests/infrastructure/test_cdk.py.

import { App, Aspects, Duration, Stack } from "aws-cdk-lib";
import { Annotations, Match, Template } from "aws-cdk-lib/assertions";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as s3 from "aws-cdk-lib/aws-s3";
import { AwsSolutionsChecks, NagSuppressions } from "cdk-nag";
import { EcrCleanup, EcrCleanupOrganization, EksAccess, MemberAccountRole, OrganizationDashboard } from "../lib";

const accepted = [
  {
    id: "AwsSolutions-IAM5",
    reason: "Calls that list have no resource to name; deleting is bound to repositories of this account by `cleanableRepositories`.",
  },
  { id: "AwsSolutions-S1", reason: "Whoever needs a log of who reads reports has a trail or a bucket for it; one made here would be one more to watch." },
  {
    id: "AwsSolutions-SNS3",
    reason: "CloudWatch and the function publish here, with TLS; a policy for the topic would replace the one that lets alarms publish.",
  },
  { id: "AwsSolutions-SF1", reason: "Errors are logged; every event would be the names of all repositories and accounts once more." },
  { id: "AwsSolutions-SF2", reason: "Tracing is a property." },
  { id: "AwsSolutions-SQS3", reason: "These queues are where failures end: they are dead-letter queues themselves." },
];

/** `timeout` is in seconds; `region` is the stack's; `member`, `organization` and `distributed` stand for what other accounts have instead of the function. */
function synthesise({ timeout, member, organization, distributed, region = "eu-west-1", ...props }: any) {
  const app = new App();
  const stack = new Stack(app, "Test", { env: { account: "123456789012", region } });
  if (organization) {
    new OrganizationDashboard(stack, "Dashboard", organization);
    return checked(app, stack);
  }
  if (member) {
    const { role } = new MemberAccountRole(stack, "Member", { ...member, registry: member.registry ?? undefined });
    new EksAccess(stack, "Clusters", { clusters: ["prod"], roleArn: role.roleArn });
    NagSuppressions.addResourceSuppressions(role, accepted, true);
    return checked(app, stack);
  }
  const code = lambda.Code.fromBucket(s3.Bucket.fromBucketName(stack, "Code", "code"), "function.zip", "1");
  if (distributed) {
    const cleanup = new EcrCleanupOrganization(stack, "EcrCleanup", { ...distributed, code });
    NagSuppressions.addResourceSuppressions(cleanup, accepted, true);
    return { ...checked(app, stack), configuration: cleanup.configuration };
  }
  const cleanup = new EcrCleanup(stack, "EcrCleanup", { ...props, code, timeout: timeout && Duration.seconds(timeout) });
  NagSuppressions.addResourceSuppressions(cleanup, accepted, true);
  return { ...checked(app, stack), vpcEndpoints: cleanup.vpcEndpoints };
}

function checked(app: App, stack: Stack) {
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
