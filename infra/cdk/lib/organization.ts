// The distributed run, for an organization that one function is too small for, as infra/terraform/modules/organization: a state machine, four functions,
// each with a role that may do what its phase does, a schedule, alarms and a dashboard.

import { CfnResource, Duration, RemovalPolicy, Stack, Token } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as scheduler from "aws-cdk-lib/aws-scheduler";
import * as sns from "aws-cdk-lib/aws-sns";
import * as sqs from "aws-cdk-lib/aws-sqs";
import * as sfn from "aws-cdk-lib/aws-stepfunctions";
import { Construct } from "constructs";
import { createHash } from "crypto";
import { addAttention, addAlarm, console } from "./observe";
import { place } from "./place";
import { Schedule } from "./props";
import { Config, Mode, PHASES, Tag, document, policy, protection, shared, sources } from "./settings";
import { addBucket, addObject } from "./storage";

/** Memory in MB. */
export interface PhaseMemory {
  /** Default: 512. */
  readonly list?: number;
  /** Default: 512. */
  readonly evidence?: number;
  /** It holds the evidence of all locations. Default: 2048. */
  readonly clean?: number;
  /** Default: 512. */
  readonly finish?: number;
}

export interface EcrCleanupOrganizationProps {
  /** What `make package` built, one for all functions. */
  readonly code: lambda.Code;
  /** Prefix of the functions, the state machine and everything else. Default: ecr-cleanup. */
  readonly name?: string;
  /** Default: `plan`, in which no role has a permission to delete or archive anything. */
  readonly mode?: Mode;
  /** The rest of the configuration document: `in_use.organization`, `registries`, `policies`, ... `state` and `report` follow `createBucket`.
   * It is kept as an object among the assets of CDK, for which the stack needs an `env` with account and Region. */
  readonly config?: Config;
  /** Whether to create a private, versioned bucket for state, evidence and reports, which stays when the stack goes. Without it, `config` needs a
   * `state`. Default: true. */
  readonly createBucket?: boolean;
  /** ARNs of roles and users besides the functions' roles that may write the state in that bucket, with * for any characters. Default: none. */
  readonly stateWriters?: string[];
  /** ARNs of roles in accounts of the functions' own organization, with * for any characters, by which accounts are read. Default: none. */
  readonly rolePatterns?: string[];
  /** Names of the repositories that the role of `clean` may delete or archive in, with * for any characters. Default: all. */
  readonly cleanableRepositories?: string[];
  /** A repository with this tag is never written to. Default: `ecr-cleanup = protect`. */
  readonly protectTag?: Tag;
  /** Whether there is such a tag. Default: true. */
  readonly protectByTag?: boolean;
  /** Whether the role of `clean` is excluded from the pull times of ECR in this account and Region. Default: false. */
  readonly excludeFromPullTimes?: boolean;
  /** What the code was built for. Default: arm64. */
  readonly architecture?: lambda.Architecture;
  /** Default: 3:00 every night, UTC. */
  readonly schedule?: Schedule;
  /** Whether there is a schedule. Default: true. */
  readonly scheduled?: boolean;
  /** How many locations are read at the same time, 1 to 1000. Default: 50. */
  readonly concurrency?: number;
  readonly memorySize?: PhaseMemory;
  /** Default: 90 days. */
  readonly logRetention?: logs.RetentionDays;
  /** Default: INFO. Nothing above: Lambda would drop the metrics, which are lines of the log. */
  readonly logLevel?: "INFO" | "DEBUG" | "TRACE";
  /** Whether AWS X-Ray traces the state machine. Default: false. */
  readonly tracing?: boolean;
  /** The path of the roles. Default: /. */
  readonly rolePath?: string;
  /** The permissions boundary of the roles. Default: none. */
  readonly permissionsBoundaryArn?: string;
  /** Default: AWS's own keys. */
  readonly kmsKeyArns?: OrganizationKeyArns;
  /** Whether there are alarms: `missing-images`, `nothing-deleted`, `executions-failed`, `executions-timed-out`, `evidence-old`, `not-started` and those
   * of `alsoAlarms`. Default: true. */
  readonly alarms?: boolean;
  /** Further alarms, of those that are about runs. Default: none. */
  readonly alsoAlarms?: string[];
  /** ARNs of what is notified of alarms, such as SNS topics. Default: none. */
  readonly alarmActions?: string[];
  /** After how many hours without an execution that ended well the evidence is old, up to 168. Default: 26. */
  readonly silentHours?: number;
  /** Addresses that hear of alarms and of runs, by a topic that is created for them. Default: none. */
  readonly notificationEmails?: string[];
  /** Whether to create the dashboard and the saved queries. Default: true. */
  readonly dashboard?: boolean;
}

/** Keys of your own, by ARN. Their policies have to let the account's IAM decide. */
export interface OrganizationKeyArns {
  readonly bucket?: string;
  readonly topic?: string;
  readonly machine?: string;
  readonly environment?: string;
}

/** What all parts of it need. */
interface Parts {
  readonly name: string;
  readonly machineArn: string;
  readonly functionArns: { readonly [phase: string]: string };
  readonly common: { readonly path: string; readonly permissionsBoundary?: iam.IManagedPolicy };
  readonly logGroup: string;
  /** Bucket and prefix of the state. */
  readonly state: string[];
}

export class EcrCleanupOrganization extends Construct {
  readonly functions: { [phase: string]: lambda.Function } = {};
  readonly roles: { [phase: string]: iam.Role } = {};
  readonly stateMachine: sfn.CfnStateMachine;
  /** The configuration document, as `ecr-cleanup check-config` reads it. */
  readonly configuration: string;

  constructor(scope: Construct, id: string, props: EcrCleanupOrganizationProps) {
    super(scope, id);
    const { partition, region, account } = place(this);
    const name = props.name ?? "ecr-cleanup";
    const mode = props.mode ?? "plan";
    const concurrency = props.concurrency ?? 50;
    if (!/^[a-zA-Z0-9_-]{1,39}$/.test(name)) throw new Error("`name` is 1 to 39 letters, digits, - and _");
    if (props.config && "mode" in props.config) throw new Error("`config` has no `mode`, which is a property of its own");
    if (concurrency < 1 || concurrency > 1000) throw new Error("`concurrency` is 1 to 1000");
    const emails = props.notificationEmails ?? [];
    const bucket = (props.createBucket ?? true) ? `${name.toLowerCase().replace(/_/g, "-")}-${account}-${region}` : undefined;
    const topic = emails.length ? `arn:${partition}:sns:${region}:${account}:${name}-notifications` : undefined;
    const told = document(mode, props.config ?? {}, account, { bucket, topic });
    if (told.state === undefined) throw new Error("a distributed run keeps its evidence in the state: set `config.state`, or leave `createBucket` on");
    if (mode !== "plan" && sources(told).length === 0 && !told.guards.allow_no_usage) {
      throw new Error("every source of use is off; if that is meant, set `config.guards.allow_no_usage`");
    }
    this.configuration = JSON.stringify(told);
    if (Token.isUnresolved(this.configuration)) throw new Error("it needs a stack with account and Region in `env`");
    const boundary = props.permissionsBoundaryArn;
    const arn = (service: string, rest: string) => `arn:${partition}:${service}:${region}:${account}:${rest}`;
    const parts: Parts = {
      name,
      machineArn: arn("states", `stateMachine:${name}`),
      functionArns: Object.fromEntries(PHASES.map((phase) => [phase, arn("lambda", `function:${name}-${phase}`)])),
      common: { path: props.rolePath ?? "/", permissionsBoundary: boundary ? iam.ManagedPolicy.fromManagedPolicyArn(this, "Boundary", boundary) : undefined },
      logGroup: `/aws/lambda/${name}`,
      state: told.state.replace(/^s3:\/\/(\d{12}@)?/, "").replace(/\/+$/, "").split("/"),
    };
    this.addFunctions(props, parts, told, bucket, topic);
    if (props.excludeFromPullTimes) {
      new CfnResource(this, "PullTimeUpdateExclusion", {
        type: "AWS::ECR::PullTimeUpdateExclusion",
        properties: { PrincipalArn: this.roles.clean.roleArn },
      });
    }
    this.stateMachine = this.addMachine(props, parts, concurrency, bucket);
    if (props.scheduled ?? true) this.addSchedule(props.schedule ?? {}, parts);
    if (bucket) {
      const writers = [`arn:${partition}:iam::${account}:role${parts.common.path}${name}-${region}-*`, ...(props.stateWriters ?? [])];
      addBucket(this, bucket, writers, props.kmsKeyArns?.bucket, [{ id: "runs", prefix: "state/runs/", expiration: Duration.days(30) }]);
    }
    if (topic) {
      const made = new sns.CfnTopic(this, "Topic", { topicName: `${name}-notifications`, kmsMasterKeyId: props.kmsKeyArns?.topic });
      for (const [index, endpoint] of emails.entries()) {
        new sns.CfnSubscription(this, `Subscription${index}`, { topicArn: made.ref, protocol: "email", endpoint });
      }
    }
    this.observe(mode, props, parts, [...(props.alarmActions ?? []), ...(topic ? [topic] : [])]);
  }

  private addFunctions(props: EcrCleanupOrganizationProps, parts: Parts, told: Config, bucket?: string, topic?: string) {
    const { partition, region, account } = place(this);
    const { name, common } = parts;
    const keys = props.kmsKeyArns ?? {};
    const asset = addObject(this, this.configuration);
    const logGroup = new logs.LogGroup(this, "Log", {
      logGroupName: parts.logGroup,
      retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const memory: { [phase: string]: number } = { list: 512, evidence: 512, clean: 2048, finish: 512, ...props.memorySize };
    for (const phase of PHASES) {
      const id = phase.charAt(0).toUpperCase() + phase.slice(1);
      const permitted = {
        document: told,
        phase,
        configObject: `${asset.s3BucketName}/${asset.s3ObjectKey}`,
        rolePatterns: props.rolePatterns,
        keys: {
          reading: keys.environment ? [keys.environment] : [],
          writing: [...(bucket && keys.bucket ? [keys.bucket] : []), ...(phase === "finish" && topic && keys.topic ? [keys.topic] : [])],
        },
        inVpc: false,
        cleanableRepositories: props.cleanableRepositories ?? ["*"],
        protectTag: protection(props),
      };
      this.roles[phase] = new iam.Role(this, `${id}Role`, {
        ...common,
        roleName: `${name}-${region}-${phase}`,
        description: `What ${name}-${phase} may do, in mode ${told.mode}`,
        assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
        inlinePolicies: { function: iam.PolicyDocument.fromJson(policy({ partition, region, account, name, functionArn: parts.functionArns[phase] }, permitted)) },
      });
      this.functions[phase] = new lambda.Function(this, id, {
        functionName: `${name}-${phase}`,
        description: `The phase ${phase} of ${name}. Mode: ${told.mode}`,
        code: props.code,
        runtime: lambda.Runtime.PROVIDED_AL2023,
        handler: "bootstrap",
        architecture: props.architecture ?? lambda.Architecture.ARM_64,
        role: this.roles[phase],
        timeout: Duration.minutes(15),
        memorySize: memory[phase],
        environment: {
          ECR_CLEANUP_PHASE: phase,
          ECR_CLEANUP_CONFIG: `s3://${asset.s3BucketName}/${asset.s3ObjectKey}`,
          ECR_CLEANUP_CONFIG_SHA256: createHash("sha256").update(this.configuration).digest("hex"),
        },
        logGroup,
        loggingFormat: lambda.LoggingFormat.JSON,
        applicationLogLevelV2: lambda.ApplicationLogLevel[props.logLevel ?? "INFO"],
        systemLogLevelV2: lambda.SystemLogLevel.INFO,
      });
      (this.functions[phase].node.defaultChild as lambda.CfnFunction).kmsKeyArn = keys.environment;
    }
  }

  private addMachine(props: EcrCleanupOrganizationProps, parts: Parts, concurrency: number, bucket?: string): sfn.CfnStateMachine {
    const { partition, region, account } = place(this);
    const { name, machineArn, functionArns } = parts;
    const log = new logs.LogGroup(this, "MachineLog", {
      logGroupName: `/aws/vendedlogs/states/${name}`,
      retention: props.logRetention ?? logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const allow = (Sid: string, Action: string[], Resource: string[]) => ({ Sid, Effect: "Allow", Action, Resource });
    const keys = [props.kmsKeyArns?.machine, bucket ? props.kmsKeyArns?.bucket : undefined].filter((key) => key !== undefined) as string[];
    const delivery = ["CreateLogDelivery", "DeleteLogDelivery", "DescribeLogGroups", "DescribeResourcePolicies", "GetLogDelivery"];
    const tracing = ["GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments"];
    const role = new iam.Role(this, "MachineRole", {
      ...parts.common,
      roleName: `${name}-${region}-machine`,
      description: `What the state machine ${name} may do`,
      // Of its children too.
      assumedBy: new iam.ServicePrincipal("states.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": account }, ArnLike: { "aws:SourceArn": [machineArn, `${machineArn}/*`] } },
      }),
      inlinePolicies: {
        machine: iam.PolicyDocument.fromJson({
          Version: "2012-10-17",
          Statement: [
            allow("Invoke", ["lambda:InvokeFunction"], Object.values(functionArns).sort()),
            allow("ReadLocations", ["s3:GetObject"], [`arn:${partition}:s3:::${parts.state.join("/")}/runs/*/locations.json`]),
            allow("StartChildren", ["states:StartExecution"], [machineArn]),
            allow("WatchChildren", ["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"], [
              `${machineArn.replace(":stateMachine:", ":execution:")}/*`,
            ]),
            allow("DeliverLogs", [...delivery, "ListLogDeliveries", "PutResourcePolicy", "UpdateLogDelivery"].map((one) => `logs:${one}`), ["*"]),
            ...(props.tracing ? [allow("Trace", tracing.map((one) => `xray:${one}`), ["*"])] : []),
            ...(keys.length ? [allow("UseKeys", ["kms:Decrypt", "kms:GenerateDataKey"], keys)] : []),
          ],
        }),
      },
    });
    const machine = new sfn.CfnStateMachine(this, "Machine", {
      stateMachineName: name,
      stateMachineType: "STANDARD",
      roleArn: role.roleArn,
      definitionString: JSON.stringify(shared("cleanup.asl.json", { partition, concurrency: `${concurrency}`, ...functionArns })),
      loggingConfiguration: {
        level: "ERROR",
        includeExecutionData: false,
        destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: log.logGroupArn } }],
      },
      tracingConfiguration: { enabled: props.tracing ?? false },
      encryptionConfiguration: props.kmsKeyArns?.machine
        ? { type: "CUSTOMER_MANAGED_KMS_KEY", kmsKeyId: props.kmsKeyArns.machine, kmsDataKeyReusePeriodSeconds: 900 }
        : undefined,
    });
    for (const phase of PHASES) machine.node.addDependency(this.functions[phase]);
    return machine;
  }

  private addSchedule(schedule: Schedule, { name, machineArn, common }: Parts) {
    const { partition, region, account } = place(this);
    const globalName = `${name}-${region}`;
    const failures = new sqs.Queue(this, "ScheduleFailures", {
      queueName: `${name}-schedule-failures`,
      retentionPeriod: Duration.days(14),
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    const group = new scheduler.CfnScheduleGroup(this, "ScheduleGroup", { name: globalName });
    const role = new iam.Role(this, "ScheduleRole", {
      ...common,
      roleName: `${globalName}-schedule`,
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
            new iam.PolicyStatement({ sid: "Start", actions: ["states:StartExecution"], resources: [machineArn] }),
            new iam.PolicyStatement({ sid: "KeepFailures", actions: ["sqs:SendMessage"], resources: [failures.queueArn] }),
          ],
        }),
      },
    });
    const minutes = schedule.flexibleWindowMinutes ?? 15;
    new scheduler.CfnSchedule(this, "Schedule", {
      name,
      description: `Starts ${name}`,
      groupName: group.ref,
      scheduleExpression: schedule.expression ?? "cron(0 3 * * ? *)",
      scheduleExpressionTimezone: schedule.timezone ?? "UTC",
      state: (schedule.enabled ?? true) ? "ENABLED" : "DISABLED",
      flexibleTimeWindow: minutes === 0 ? { mode: "OFF" } : { mode: "FLEXIBLE", maximumWindowInMinutes: minutes },
      // By name: started twice is started once.
      target: {
        arn: `arn:${partition}:scheduler:::aws-sdk:sfn:startExecution`,
        roleArn: role.roleArn,
        input: JSON.stringify({ Input: "{}", Name: "<aws.scheduler.execution-id>", StateMachineArn: machineArn }),
        retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: 3600 },
        deadLetterConfig: { arn: failures.queueArn },
      },
    });
  }

  private observe(mode: Mode, props: EcrCleanupOrganizationProps, { name, machineArn, logGroup, state }: Parts, actions: string[]) {
    const { partition, region, account } = place(this);
    const globalName = `${name}-${region}`;
    const silentHours = props.silentHours ?? 26;
    if (silentHours < 1 || silentHours > 168) throw new Error("`silentHours` is 1 to 168: CloudWatch looks back for 7 days");
    const values = { name, global_name: globalName, log_group: logGroup, machine_arn: machineArn, silent_hours: `${silentHours}`, long_run_ms: "0" };
    // Those of one function that are about runs, and those of the state machine.
    const ofRuns = Object.entries<any>(shared("alarms.json", values)).filter(
      ([alarm, rule]) => ["EcrCleanup", "AWS/Logs", "AWS/Scheduler"].includes(rule.namespace) && alarm !== "no-run",
    );
    const alarms = [...ofRuns, ...Object.entries<any>(shared("alarms-machine.json", values))].sort();
    const also = props.alsoAlarms ?? [];
    const unknown = also.filter((one) => !alarms.some(([alarm]) => alarm === one));
    if (unknown.length) throw new Error(`no alarm is called ${unknown.join(" or ")}; there are ${alarms.map(([alarm]) => alarm).join(", ")}`);
    // Without a schedule nobody expects runs.
    const scheduled = (props.scheduled ?? true) && (props.schedule?.enabled ?? true);
    const asked = ([alarm, rule]: [string, any]) => (rule.default || also.includes(alarm)) && (alarm !== "evidence-old" || scheduled);
    const wanted = (props.alarms ?? true) ? alarms.filter(asked) : [];
    const made = wanted.map(([alarm, rule]) => addAlarm(this, `${name}-${alarm}`, `Alarm-${alarm}`, rule, actions));
    const quiet = wanted.filter(([, rule]) => !rule.urgent).map(([alarm]) => alarm);
    addAttention(this, name, quiet, made, actions);
    if (!(props.dashboard ?? true)) return;
    const every = [...wanted.map(([alarm]) => alarm), ...(quiet.length ? ["attention"] : [])].sort();
    const arns = every.map((alarm) => `arn:${partition}:cloudwatch:${region}:${account}:alarm:${name}-${alarm}`);
    const [bucket, ...prefix] = state;
    const body = shared("dashboard-machine.json", {
      ...values,
      mode: mode.toUpperCase(),
      region,
      console: console(this),
      log_group_in_url: logGroup.replace(/\//g, "$252F"),
      stop_command: `aws s3api put-object --bucket ${bucket} --key ${[...prefix, "stop"].join("/")}`,
      alarm_arns: arns.join('","'),
    });
    body.widgets = body.widgets.filter((widget: any) => widget.type !== "alarm" || arns.length > 0);
    new cloudwatch.CfnDashboard(this, "Dashboard", { dashboardName: globalName, dashboardBody: Stack.of(this).toJsonString(body) });
    for (const [query, text] of Object.entries<string>(shared("queries.json"))) {
      new logs.CfnQueryDefinition(this, `Query-${query.replace(/ /g, "-")}`, { name: `${name}/${query}`, logGroupNames: [logGroup], queryString: text });
    }
  }
}
