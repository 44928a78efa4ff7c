// ecr-cleanup as a CDK construct: the same function, role, schedule, queues, alarms and dashboard as infra/terraform.

import { CfnMapping, CfnResource, Duration, RemovalPolicy, Stack, Token } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as schemas from "aws-cdk-lib/aws-eventschemas";
import * as iam from "aws-cdk-lib/aws-iam";
import * as kms from "aws-cdk-lib/aws-kms";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as s3 from "aws-cdk-lib/aws-s3";
import * as assets from "aws-cdk-lib/aws-s3-assets";
import * as scheduler from "aws-cdk-lib/aws-scheduler";
import * as sns from "aws-cdk-lib/aws-sns";
import * as sqs from "aws-cdk-lib/aws-sqs";
import * as ssm from "aws-cdk-lib/aws-ssm";
import { RegionInfo } from "aws-cdk-lib/region-info";
import { Construct } from "constructs";
import { createHash } from "crypto";
import * as fs from "fs";
import * as os from "os";
import * as path from "path";
import { Config, Mode, Tag, document, logGroupName, policy, scheduleInput, shared, sources, testEvents, usesPullTimes } from "./settings";

export * from "./member";
export * from "./settings";

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

/** Where the function runs to reach private EKS endpoints: with a way to ECR, ECS, EKS, STS and CloudWatch Logs. */
export interface Vpc {
  /** `vpc.selectSubnets(...).subnetIds`. */
  readonly subnetIds: string[];
  readonly securityGroupIds: string[];
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
  /** Default: in no VPC. */
  readonly vpc?: Vpc;
  /** Names of the repositories that the role may delete or archive in, with * for any characters. Default: all. */
  readonly cleanableRepositories?: string[];
  /** A repository with this tag is never written to. Default: `ecr-cleanup = protect`; null: no such tag. */
  readonly protectTag?: Tag | null;
  /** Whether the function's role is excluded from the pull times of ECR in this account and Region, so that its reading of manifests counts
   * as no pull. Default: where a rule of `config` has `pulled_within` or `by: pulled`. */
  readonly excludeFromPullTimes?: boolean;
  /** What the code was built for. Default: arm64. */
  readonly architecture?: lambda.Architecture;
  /** null: no schedule. */
  readonly schedule?: Schedule | null;
  /** Default: 15 minutes. */
  readonly timeout?: Duration;
  /** In MB. Default: 512. */
  readonly memorySize?: number;
  /** Default: 1; null reserves nothing. */
  readonly reservedConcurrency?: number | null;
  /** Default: 90 days. */
  readonly logRetention?: logs.RetentionDays;
  /** Default: INFO. Nothing above: Lambda would drop the metrics, which are lines of the log. */
  readonly logLevel?: "INFO" | "DEBUG" | "TRACE";
  /** What encrypts the log group; its policy has to allow CloudWatch Logs. Default: AWS's own key. */
  readonly logKey?: kms.IKey;
  /** Whether there are alarms. Default: true. */
  readonly alarms?: boolean;
  /** ARNs of what is notified of alarms, such as SNS topics. */
  readonly alarmActions?: string[];
  /** Addresses that hear of alarms, and of runs that deleted something, failed or were refused, by a topic created for them. */
  readonly notificationEmails?: string[];
  /** After how many hours without a run that ended well there is an alarm, up to 168. Default: 26. */
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

export class EcrCleanup extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: EcrCleanupProps) {
    super(scope, id);
    const { region, account } = Stack.of(this);
    const partition = this.partition();
    const name = props.name ?? "ecr-cleanup";
    const mode = props.mode ?? "plan";
    const config = props.config ?? {};
    const emails = props.notificationEmails ?? [];
    const timeout = props.timeout ?? Duration.minutes(15);
    if (!/^[a-zA-Z0-9_-]{1,39}$/.test(name)) throw new Error("`name` is 1 to 39 letters, digits, - and _");
    if ("mode" in config) throw new Error("`config` has no `mode`, which is a property of its own");
    if (timeout.toSeconds() < 60 || timeout.toSeconds() > 900) throw new Error("`timeout` is 60 to 900 seconds");
    const used = [...sources(config), ...(config.in_use?.keep_lists ?? []), ...(config.in_use?.kubernetes ?? [])];
    if (mode !== "plan" && used.length === 0 && !config.guards?.allow_no_usage) {
      throw new Error("every source of use is off; if that is meant, set `config.guards.allow_no_usage`");
    }

    for (const pattern of props.rolePatterns ?? []) {
      if (!/^arn:[a-z-]+:iam::[0-9*]+:role\/[^*]/.test(pattern)) throw new Error("`rolePatterns` are ARNs of roles whose names do not begin with *");
    }

    // Roles and dashboards are global in an account.
    const globalName = `${name}-${region}`;
    const roleName = props.roleName ?? globalName;
    if (roleName.length > 55) throw new Error("`roleName` is at most 55 characters: with `-schedule` behind it, IAM takes 64");
    const boundary = props.permissionsBoundaryArn;
    const permissionsBoundary = boundary ? iam.ManagedPolicy.fromManagedPolicyArn(this, "Boundary", boundary) : undefined;
    const common = { path: props.rolePath ?? "/", permissionsBoundary };

    // Names rather than references, so that a template shows every policy in full.
    const bucket = props.createBucket ? `${name.toLowerCase().replace(/_/g, "-")}-${account}-${region}` : undefined;
    const topic = emails.length ? `arn:${partition}:sns:${region}:${account}:${name}-notifications` : undefined;
    const told = document(mode, config, account, { bucket, topic });
    const store = props.configStore ?? "environment";
    const text = JSON.stringify(told);
    if (store !== "environment" && Token.isUnresolved(text)) throw new Error(`\`configStore: "${store}"\` needs a stack with account and Region in \`env\``);
    const asset = store === "s3" ? this.addObject(text) : undefined;

    this.role = new iam.Role(this, "Role", {
      ...common,
      roleName,
      description: `What ${name} may do, in mode ${mode}`,
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
      inlinePolicies: {
        function: iam.PolicyDocument.fromJson(
          policy({ partition, region, account, name }, {
            document: told,
            parameter: store === "parameter" ? `/${name}/config` : undefined,
            configObject: asset && `${asset.s3BucketName}/${asset.s3ObjectKey}`,
            rolePatterns: props.rolePatterns,
            inVpc: props.vpc !== undefined,
            cleanableRepositories: props.cleanableRepositories ?? ["*"],
            protectTag: props.protectTag === null ? undefined : (props.protectTag ?? { key: "ecr-cleanup", value: "protect" }),
          }),
        ),
      },
    });

    // ECR counts the reading of a manifest as a pull.
    if (props.excludeFromPullTimes ?? usesPullTimes(config)) {
      new CfnResource(this, "PullTimeUpdateExclusion", {
        type: "AWS::ECR::PullTimeUpdateExclusion",
        properties: { PrincipalArn: this.role.roleArn },
      });
    }

    // Before the function, which would otherwise make one without retention.
    const logGroup = new logs.LogGroup(this, "Log", {
      logGroupName: logGroupName(name),
      retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      encryptionKey: props.logKey,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const kept = asset ? `s3://${asset.s3BucketName}/${asset.s3ObjectKey}` : store === "parameter" ? this.addParameter(name, text) : undefined;
    const environment: { [variable: string]: string } = kept
      ? { ECR_CLEANUP_CONFIG: kept, ECR_CLEANUP_CONFIG_SHA256: createHash("sha256").update(text).digest("hex") }
      : { ECR_CLEANUP_CONFIG: Token.isUnresolved(text) ? Stack.of(this).toJsonString(told) : text };
    if (!Token.isUnresolved(text) && JSON.stringify(environment).length > 4096) {
      throw new Error("the configuration does not fit into the 4 KB of a function's variables: set `configStore` to `parameter`, which holds 8 KB, or to `s3`");
    }
    this.function = new lambda.Function(this, "Function", {
      functionName: name,
      description: `Deletes from Amazon ECR the images nobody needs. Mode: ${mode}`,
      code: props.code,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: "bootstrap",
      architecture: props.architecture ?? lambda.Architecture.ARM_64,
      role: this.role,
      timeout,
      memorySize: props.memorySize ?? 512,
      reservedConcurrentExecutions: props.reservedConcurrency === null ? undefined : (props.reservedConcurrency ?? 1),
      environment,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: lambda.ApplicationLogLevel[props.logLevel ?? "INFO"],
      systemLogLevelV2: lambda.SystemLogLevel.INFO,
    });

    // By ids, and so without the managed policy that CDK would add for a VPC.
    (this.function.node.defaultChild as lambda.CfnFunction).vpcConfig = props.vpc;

    // Two queues: events that never reached the function, and runs that failed. A run that failed is not repeated.
    const queue = (what: string) =>
      new sqs.Queue(this, `${what}Failures`, {
        queueName: `${name}-${what.toLowerCase()}-failures`,
        retentionPeriod: Duration.days(14),
        encryption: sqs.QueueEncryption.SQS_MANAGED,
        enforceSSL: true,
      });
    const [scheduleFailures, functionFailures] = [queue("Schedule"), queue("Function")];
    new lambda.CfnEventInvokeConfig(this, "Invoke", {
      functionName: this.function.functionName,
      qualifier: "$LATEST",
      maximumRetryAttempts: 0,
      maximumEventAgeInSeconds: 3600,
      destinationConfig: { onFailure: { destination: functionFailures.queueArn } },
    });

    if (props.schedule !== null) this.addSchedule(name, props.schedule ?? {}, scheduleFailures, { ...common, roleName: `${roleName}-schedule` });
    if (bucket) this.addBucket(bucket);
    if (topic) {
      const made = new sns.CfnTopic(this, "Topic", { topicName: `${name}-notifications` });
      for (const [index, endpoint] of emails.entries()) {
        new sns.CfnSubscription(this, `Subscription${index}`, { topicArn: made.ref, protocol: "email", endpoint });
      }
    }
    this.observe(name, mode, props, timeout, [...(props.alarmActions ?? []), ...(topic ? [topic] : [])]);
  }

  /** Known where the Region is: a digest of the configuration cannot be made of what is not known yet. */
  private partition(): string {
    const { partition, region } = Stack.of(this);
    return Token.isUnresolved(region) ? partition : (RegionInfo.get(region).partition ?? partition);
  }

  /** The console's host. */
  private console(): string {
    const { consoles } = shared("regions.json");
    const partition = this.partition();
    if (!Token.isUnresolved(partition)) return `${Stack.of(this).region}.${consoles[partition] ?? consoles.aws}`;
    const mapping = Object.fromEntries(Object.entries(consoles).map(([partition, host]) => [partition, { host }]));
    return `${Stack.of(this).region}.${new CfnMapping(this, "Consoles", { mapping }).findInMap(partition, "host")}`;
  }

  /** Among the assets of CDK, since CloudFormation has no object. */
  private addObject(told: string): assets.Asset {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "ecr-cleanup-")), "config.json");
    fs.writeFileSync(file, told);
    return new assets.Asset(this, "ConfigObject", { path: file });
  }

  private addParameter(name: string, told: string): string {
    if (told.length > 8192) throw new Error('the configuration does not fit into the 8 KB of a parameter: set `configStore: "s3"`');
    const parameterName = `/${name}/config`;
    new ssm.StringParameter(this, "Config", {
      parameterName,
      description: `Configuration of the function ${name}, which refuses any other than this`,
      tier: ssm.ParameterTier.INTELLIGENT_TIERING,
      stringValue: told,
    });
    return `ssm:${parameterName}`;
  }

  // Reports are the record of what was deleted: versioned, and left when the stack goes.
  private addBucket(bucketName: string) {
    new s3.Bucket(this, "Bucket", {
      bucketName,
      versioned: true,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      lifecycleRules: [
        { id: "expire", prefix: "reports/", expiration: Duration.days(400) },
        { id: "leftovers", noncurrentVersionExpiration: Duration.days(30), abortIncompleteMultipartUploadAfter: Duration.days(7) },
      ],
    });
  }

  private addSchedule(name: string, schedule: Schedule, failures: sqs.Queue, role: Partial<iam.RoleProps>) {
    const { region, account } = Stack.of(this);
    const globalName = `${name}-${region}`;
    const partition = this.partition();
    // A group of its own: its metrics are this deployment's, and only its schedules may use the role.
    const group = new scheduler.CfnScheduleGroup(this, "ScheduleGroup", { name: globalName });
    const allowed = new iam.Role(this, "ScheduleRole", {
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
            new iam.PolicyStatement({ sid: "Invoke", actions: ["lambda:InvokeFunction"], resources: [this.function.functionArn] }),
            new iam.PolicyStatement({ sid: "KeepFailures", actions: ["sqs:SendMessage"], resources: [failures.queueArn] }),
          ],
        }),
      },
    });
    const minutes = schedule.flexibleWindowMinutes ?? 15;
    new scheduler.CfnSchedule(this, "Schedule", {
      name,
      description: `Runs ${name}`,
      groupName: group.ref,
      scheduleExpression: schedule.expression ?? "cron(0 3 * * ? *)",
      scheduleExpressionTimezone: schedule.timezone ?? "UTC",
      state: (schedule.enabled ?? true) ? "ENABLED" : "DISABLED",
      flexibleTimeWindow: minutes === 0 ? { mode: "OFF" } : { mode: "FLEXIBLE", maximumWindowInMinutes: minutes },
      target: {
        arn: this.function.functionArn,
        roleArn: allowed.roleArn,
        input: scheduleInput(),
        retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: 3600 },
        deadLetterConfig: { arn: failures.queueArn },
      },
    });
  }

  private observe(name: string, mode: Mode, props: EcrCleanupProps, timeout: Duration, actions: string[]) {
    const { region, account } = Stack.of(this);
    const partition = this.partition();
    const silentHours = props.silentHours ?? 26;
    if (silentHours < 1 || silentHours > 168) throw new Error("`silentHours` is 1 to 168: CloudWatch looks back for 7 days");
    const alarms: [string, any][] = Object.entries(
      shared("alarms.json", {
        name,
        global_name: `${name}-${region}`,
        log_group: logGroupName(name),
        silent_hours: `${silentHours}`,
        long_run_ms: `${timeout.toSeconds() * 900}`,
      }),
    ).sort();
    // Without a schedule nobody expects runs.
    const scheduled = props.schedule !== null && (props.schedule?.enabled ?? true);
    const wanted = (props.alarms ?? true) ? alarms.filter(([alarm]) => alarm !== "no-run" || scheduled) : [];
    for (const [alarm, rule] of wanted) {
      new cloudwatch.CfnAlarm(this, `Alarm-${alarm}`, {
        alarmName: `${name}-${alarm}`,
        alarmDescription: rule.description,
        namespace: rule.namespace,
        metricName: rule.metric,
        dimensions: Object.entries(rule.dimensions).map(([dimension, value]) => ({ name: dimension, value: `${value}` })),
        statistic: rule.statistic,
        comparisonOperator: rule.comparison,
        threshold: Number(rule.threshold),
        period: rule.period,
        evaluationPeriods: Number(rule.periods),
        treatMissingData: rule.missing,
        alarmActions: actions,
        okActions: actions,
      });
    }
    if (props.dashboard ?? true) {
      const arns = wanted.map(([alarm]) => `arn:${partition}:cloudwatch:${region}:${account}:alarm:${name}-${alarm}`);
      const body = shared("dashboard.json", {
        name,
        global_name: `${name}-${region}`,
        mode: mode.toUpperCase(),
        region,
        console: this.console(),
        timeout: `${timeout.toSeconds()}`,
        log_group: logGroupName(name),
        log_group_in_url: logGroupName(name).replace(/\//g, "$252F"),
        alarm_arns: arns.join('","'),
      });
      body.widgets = body.widgets.filter((widget: any) => widget.type !== "alarm" || arns.length > 0);
      new cloudwatch.CfnDashboard(this, "Dashboard", { dashboardName: `${name}-${region}`, dashboardBody: Stack.of(this).toJsonString(body) });
      for (const [query, text] of Object.entries<string>(shared("queries.json"))) {
        new logs.CfnQueryDefinition(this, `Query-${query.replace(/ /g, "-")}`, {
          name: `${name}/${query}`,
          logGroupNames: [logGroupName(name)],
          queryString: text,
        });
      }
    }
    if (props.testEvents ?? shared("regions.json").with_test_events.includes(region)) {
      const registryName = "lambda-testevent-schemas";
      const schema = new schemas.CfnSchema(this, "TestEvents", {
        registryName,
        schemaName: `_${name}-schema`,
        type: "OpenApi3",
        description: `Shareable test events of ${name}`,
        content: JSON.stringify(testEvents(mode)),
      });
      if (props.testEventRegistry ?? true) {
        schema.addResourceDependency(new schemas.CfnRegistry(this, "TestEventRegistry", { registryName, description: "Shareable test events of Lambda functions" }));
      }
    }
  }
}
