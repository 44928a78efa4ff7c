// ecr-cleanup as a CDK construct: the same function, role, schedule, queues, alarms and dashboard as infra/terraform.

import { CfnResource, Duration, RemovalPolicy, Stack, Token } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as kms from "aws-cdk-lib/aws-kms";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as sns from "aws-cdk-lib/aws-sns";
import * as sqs from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { createHash } from "crypto";
import { observe } from "./observe";
import { place } from "./place";
import { EcrCleanupProps } from "./props";
import { addSchedule } from "./schedule";
import { Permitted, VpcEndpoints, document, logGroupName, policy, protection, sources, usesPullTimes, vpcEndpoints } from "./settings";
import { addBucket, addObject, addParameter } from "./storage";

export * from "./member";
export { OrganizationDashboard, OrganizationDashboardProps } from "./observe";
export * from "./organization";
export * from "./props";
export { Config, Mode, Phase, Tag, VpcEndpoints } from "./settings";

export class EcrCleanup extends Construct {
  readonly function: lambda.Function;
  readonly role: iam.Role;
  /** What runs: the alias `live` where versions are published, else the function. */
  readonly target: lambda.IFunction;
  /** What the function calls, in a VPC without a way to the internet: services to make endpoints of, and others, which have none in this
   * Region. They reach this Region alone: other Regions and webhooks need a way to the internet, each EKS cluster its private endpoint. */
  readonly vpcEndpoints: VpcEndpoints;

  constructor(scope: Construct, id: string, props: EcrCleanupProps) {
    super(scope, id);
    const { partition, region, account } = place(this);
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
    const keys = props.kmsKeyArns ?? {};
    const common = { path: props.rolePath ?? "/", permissionsBoundary };

    // Names rather than references, so that a template shows every policy in full.
    const bucket = props.createBucket ? `${name.toLowerCase().replace(/_/g, "-")}-${account}-${region}` : undefined;
    const topic = emails.length ? `arn:${partition}:sns:${region}:${account}:${name}-notifications` : undefined;
    const told = document(mode, config, account, { bucket, topic });
    const store = props.configStore ?? "environment";
    const text = JSON.stringify(told);
    if (store !== "environment" && Token.isUnresolved(text)) throw new Error(`\`configStore: "${store}"\` needs a stack with account and Region in \`env\``);
    const asset = store === "s3" ? addObject(this, text) : undefined;

    const permitted: Permitted = {
      document: told,
      parameter: store === "parameter" ? `/${name}/config` : undefined,
      configObject: asset && `${asset.s3BucketName}/${asset.s3ObjectKey}`,
      rolePatterns: props.rolePatterns,
      extraStatements: props.extraStatements,
      keys: {
        reading: defined(keys.environment),
        writing: [...(bucket ? defined(keys.bucket) : []), ...(topic ? defined(keys.topic) : []), ...defined(keys.queues)],
      },
      inVpc: props.vpc !== undefined,
      cleanableRepositories: props.cleanableRepositories ?? ["*"],
      protectTag: protection(props),
    };
    this.vpcEndpoints = vpcEndpoints({ partition, region, account, name }, permitted);
    this.role = new iam.Role(this, "Role", {
      ...common,
      roleName,
      description: `What ${name} may do, in mode ${mode}`,
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
      inlinePolicies: {
        function: iam.PolicyDocument.fromJson(policy({ partition, region, account, name }, permitted)),
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
      removalPolicy: props.keepLogGroup ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    const kept = asset ? `s3://${asset.s3BucketName}/${asset.s3ObjectKey}` : store === "parameter" ? addParameter(this, name, text) : undefined;
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
      reservedConcurrentExecutions: props.reservedConcurrency === -1 ? undefined : (props.reservedConcurrency ?? 1),
      environment,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: lambda.ApplicationLogLevel[props.logLevel ?? "INFO"],
      systemLogLevelV2: lambda.SystemLogLevel.INFO,
    });

    // By ids and ARNs, and so without the policies that CDK would add to the role.
    const resource = this.function.node.defaultChild as lambda.CfnFunction;
    resource.vpcConfig = props.vpc;
    resource.kmsKeyArn = keys.environment;
    resource.codeSigningConfigArn = props.codeSigningConfigArn;
    const alias = props.publish
      ? new lambda.Alias(this, "Live", { aliasName: "live", description: "What the schedule runs", version: this.function.currentVersion })
      : undefined;
    this.target = alias ?? this.function;

    // Two queues: events that never reached the function, and runs that failed. A run that failed is not repeated.
    const queueKey = keys.queues ? kms.Key.fromKeyArn(this, "QueueKey", keys.queues) : undefined;
    const queue = (what: string) =>
      new sqs.Queue(this, `${what}Failures`, {
        queueName: `${name}-${what.toLowerCase()}-failures`,
        retentionPeriod: Duration.days(14),
        ...(queueKey ? { encryptionMasterKey: queueKey } : { encryption: sqs.QueueEncryption.SQS_MANAGED }),
        enforceSSL: true,
      });
    const [scheduleFailures, functionFailures] = [queue("Schedule"), queue("Function")];
    const invoked = new lambda.CfnEventInvokeConfig(this, "Invoke", {
      functionName: this.function.functionName,
      qualifier: alias ? "live" : "$LATEST",
      maximumRetryAttempts: 0,
      maximumEventAgeInSeconds: 3600,
      destinationConfig: { onFailure: { destination: functionFailures.queueArn } },
    });

    if (alias) invoked.node.addDependency(alias);

    if (props.scheduled ?? true) {
      const role = { ...common, roleName: `${roleName}-schedule` };
      addSchedule(this, props.schedule ?? {}, { name, target: this.target, role, failures: scheduleFailures, failuresKeyArn: keys.queues });
    }
    if (bucket) addBucket(this, bucket, [`arn:${partition}:iam::${account}:role${common.path}${roleName}`, ...(props.stateWriters ?? [])], keys.bucket);
    if (topic) {
      const made = new sns.CfnTopic(this, "Topic", { topicName: `${name}-notifications`, kmsMasterKeyId: keys.topic });
      for (const [index, endpoint] of emails.entries()) {
        new sns.CfnSubscription(this, `Subscription${index}`, { topicArn: made.ref, protocol: "email", endpoint });
      }
    }
    const others = [...(props.alarmActions ?? []), ...(topic ? [topic] : [])];
    const urgent = props.urgentAlarmActions?.length ? props.urgentAlarmActions : others;
    observe(this, name, mode, props, timeout, { urgent, others }, told.state);
  }
}

const defined = (value?: string) => (value ? [value] : []);
