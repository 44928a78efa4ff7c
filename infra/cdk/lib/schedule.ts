// When the function runs.

import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as scheduler from "aws-cdk-lib/aws-scheduler";
import * as sqs from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { place } from "./place";
import { Schedule } from "./props";
import { scheduleInput } from "./settings";

/** What is run, by whom, and where events go that do not arrive. */
export interface Scheduled {
  readonly name: string;
  readonly target: lambda.IFunction;
  readonly role: Omit<iam.RoleProps, "assumedBy">;
  readonly failures: sqs.Queue;
  readonly failuresKeyArn?: string;
}

export function addSchedule(scope: Construct, schedule: Schedule, { name, target, role, failures, failuresKeyArn }: Scheduled) {
  const { partition, region, account } = place(scope);
  const globalName = `${name}-${region}`;
  // A group of its own: its metrics are this deployment's, and only its schedules may use the role.
  const group = new scheduler.CfnScheduleGroup(scope, "ScheduleGroup", { name: globalName });
  const allowed = new iam.Role(scope, "ScheduleRole", {
    ...role,
    description: `What the schedule of ${name} may do`,
    assumedBy: new iam.ServicePrincipal("scheduler.amazonaws.com", {
      conditions: {
        StringEquals: {
          "aws:SourceAccount": account,
          "aws:SourceArn": `arn:${partition}:scheduler:${region}:${account}:schedule-group/${globalName}`,
        },
      },
    }),
    inlinePolicies: {
      schedule: new iam.PolicyDocument({
        statements: [
          new iam.PolicyStatement({ sid: "Invoke", actions: ["lambda:InvokeFunction"], resources: [target.functionArn] }),
          new iam.PolicyStatement({ sid: "KeepFailures", actions: ["sqs:SendMessage"], resources: [failures.queueArn] }),
          ...(failuresKeyArn ? [new iam.PolicyStatement({ sid: "EncryptFailures", actions: ["kms:Decrypt", "kms:GenerateDataKey"], resources: [failuresKeyArn] })] : []),
        ],
      }),
    },
  });
  const minutes = schedule.flexibleWindowMinutes ?? 15;
  new scheduler.CfnSchedule(scope, "Schedule", {
    name,
    description: `Runs ${name}`,
    groupName: group.ref,
    scheduleExpression: schedule.expression ?? "cron(0 3 * * ? *)",
    scheduleExpressionTimezone: schedule.timezone ?? "UTC",
    state: (schedule.enabled ?? true) ? "ENABLED" : "DISABLED",
    flexibleTimeWindow: minutes === 0 ? { mode: "OFF" } : { mode: "FLEXIBLE", maximumWindowInMinutes: minutes },
    target: {
      arn: target.functionArn,
      roleArn: allowed.roleArn,
      input: scheduleInput(),
      retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: 3600 },
      deadLetterConfig: { arn: failures.queueArn },
    },
  });
}
