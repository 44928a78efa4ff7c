// What the construct takes.

import { Duration } from "aws-cdk-lib";
import * as kms from "aws-cdk-lib/aws-kms";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import { Config, Mode, Tag } from "./settings";

/** When the function runs. */
export interface Schedule {
  /** `rate(...)`, `cron(...)` or `at(...)` of EventBridge Scheduler. Default: 3:00 every night. */
  readonly expression?: string;
  /** Default: UTC. */
  readonly timezone?: string;
  /** 0 to 1440; 0 is no window. Default: 15. */
  readonly flexibleWindowMinutes?: number;
  /** Default: true. */
  readonly enabled?: boolean;
}

/** Where the function runs to reach private EKS endpoints: with a way to what `vpcEndpoints` says. */
export interface Vpc {
  /** `vpc.selectSubnets(...).subnetIds`. */
  readonly subnetIds: string[];
  readonly securityGroupIds: string[];
}

/** Keys of your own, by ARN. Their policies have to let the account's IAM decide; for the topic besides, `cloudwatch.amazonaws.com` call
 * `kms:Decrypt` and `kms:GenerateDataKey*`, or alarms reach nobody. Not of the parameter: CloudFormation makes none that is encrypted. */
export interface KeyArns {
  readonly bucket?: string;
  readonly topic?: string;
  readonly queues?: string;
  readonly environment?: string;
}

export interface EcrCleanupProps {
  /** What `make package` built: `lambda.Code.fromAsset("dist/ecr-cleanup-arm64.zip")`. */
  readonly code: lambda.Code;
  /** Name of the function and prefix of everything else. Default: ecr-cleanup. */
  readonly name?: string;
  /** Name of the function's role; that of the schedule has `-schedule` behind it. Default: `name` and the Region, since roles are global. */
  readonly roleName?: string;
  /** The path of the roles. Default: /. */
  readonly rolePath?: string;
  /** Keys of your own for what is created. The roles are allowed to use them. Default: AWS's own. */
  readonly kmsKeyArns?: KeyArns;
  /** The code signing configuration of the function. Default: none. */
  readonly codeSigningConfigArn?: string;
  /** Whether each change of the function is published as a version, of which the alias `live` names the last; the schedule runs that.
   * An older version has its configuration with it only where `configStore` is `environment`, and refuses any other. Default: false. */
  readonly publish?: boolean;
  /** Statements to add to the policy of the function's role, as JSON, each with a `Sid`. Default: none. */
  readonly extraStatements?: any[];
  /** The permissions boundary of the roles. Default: none. */
  readonly permissionsBoundaryArn?: string;
  /** Default: `plan`, in which the role has no permission to delete or archive anything. */
  readonly mode?: Mode;
  /** The rest of the configuration document, as config.schema.json describes it. `guards.expected_accounts` is this account unless
   * set; `state` and `report` follow `createBucket`; the topic of `notificationEmails` is told besides those in `notify`. */
  readonly config?: Config;
  /** Where the document is kept: in the function's 4 KB of variables, in a parameter of up to 8 KB, or as an object among the assets of CDK,
   * the last two pinned by their SHA-256, for which the stack needs an `env` with account and Region. Default: `environment`. */
  readonly configStore?: "environment" | "parameter" | "s3";
  /** ARNs of roles in accounts of the function's own organization, with * for any characters, which the function may assume. Roles that
   * `config` names and that match none are allowed one by one. Default: none. */
  readonly rolePatterns?: string[];
  /** Whether to create a private, versioned bucket for state and reports, which stays when the stack goes. Default: false. */
  readonly createBucket?: boolean;
  /** ARNs of roles and users besides the function's role that may write the state in that bucket, with * for any characters: of whoever types
   * `ecr-cleanup accept-use` or `ecr-cleanup run`. Default: none. */
  readonly stateWriters?: string[];
  /** Default: in no VPC. */
  readonly vpc?: Vpc;
  /** Names of the repositories that the role may delete or archive in, with * for any characters. Default: all. */
  readonly cleanableRepositories?: string[];
  /** A repository with this tag is never written to. Default: `ecr-cleanup = protect`. */
  readonly protectTag?: Tag;
  /** Whether there is such a tag. Default: true. */
  readonly protectByTag?: boolean;
  /** Whether the function's role is excluded from the pull times of ECR in this account and Region, so that its reading of manifests counts
   * as no pull. Default: where a rule of `config` has `pulled_within` or `by: pulled`. */
  readonly excludeFromPullTimes?: boolean;
  /** What the code was built for. Default: arm64. */
  readonly architecture?: lambda.Architecture;
  /** Default: 3:00 every night, UTC. */
  readonly schedule?: Schedule;
  /** Whether there is a schedule. Default: true. */
  readonly scheduled?: boolean;
  /** Default: 15 minutes. */
  readonly timeout?: Duration;
  /** In MB. Default: 512. */
  readonly memorySize?: number;
  /** Runs at the same time. 0 is an emergency stop, and -1 reserves nothing. Default: 1. */
  readonly reservedConcurrency?: number;
  /** Default: 90 days. */
  readonly logRetention?: logs.RetentionDays;
  /** Default: INFO. Nothing above: Lambda would drop the metrics, which are lines of the log. */
  readonly logLevel?: "INFO" | "DEBUG" | "TRACE";
  /** Whether the log group, which is the record of what was deleted, stays when the stack goes. Default: false. */
  readonly keepLogGroup?: boolean;
  /** What encrypts the log group; its policy has to allow CloudWatch Logs. Default: AWS's own key. */
  readonly logKey?: kms.IKey;
  /** Whether there are alarms: `missing-images`, `no-run`, `nothing-deleted`, `queues` and those of `alsoAlarms`. Default: true. */
  readonly alarms?: boolean;
  /** Further alarms: `errors`, `sources-failed`, `images-failed`, `repositories-failed`, `unexplained-pulls`, `truncated`, `duration`,
   * `events-dropped`, `schedule-errors`, `metrics-broken`. Default: none. */
  readonly alsoAlarms?: string[];
  /** ARNs of what is notified of alarms, such as SNS topics: by one alarm, `attention`, which rings for the first. */
  readonly alarmActions?: string[];
  /** ARNs of what is notified of `missing-images`. Default: `alarmActions`, and the topic of `notificationEmails`. */
  readonly urgentAlarmActions?: string[];
  /** Addresses that hear of alarms, and of runs that deleted something, failed or were refused, by a topic created for them. */
  readonly notificationEmails?: string[];
  /** After how many hours without a scheduled run that ended well there is an alarm, up to 168. Default: 26. */
  readonly silentHours?: number;
  /** Whether there are a dashboard and saved queries. Default: true. */
  readonly dashboard?: boolean;
  /** Whether there are shareable test events for the console. Default: where the stack's `env` has a Region with EventBridge Schemas, which keeps them. */
  readonly testEvents?: boolean;
  /** Whether to create the registry they are in, `lambda-testevent-schemas`, one for all functions of an account and Region. Where it is there
   * already, by another deployment or since somebody shared an event in the console, creating it fails with a conflict: set this to false.
   * Default: true. */
  readonly testEventRegistry?: boolean;
}
