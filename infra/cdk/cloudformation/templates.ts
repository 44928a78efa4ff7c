// Writes templates for CloudFormation into a folder: `node templates.js FOLDER`. Each is the construct, synthesised for every
// choice that its parameters leave.

import { App, CfnCondition, CfnOutput, CfnParameter, CfnStackSet, Fn, Stack, Token, Validations } from "aws-cdk-lib";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as s3 from "aws-cdk-lib/aws-s3";
import * as fs from "fs";
import * as path from "path";
import { EcrCleanup, MemberAccountRole, Mode } from "../lib";
import { either } from "./variants";

/** A parameter of a template. */
interface Parameter {
  readonly description: string;
  readonly fallback?: string;
  readonly allowed?: string[];
  readonly pattern?: string;
  readonly type?: string;
}

type Parameters = { readonly [name: string]: Parameter };

const YES_OR_NO = { fallback: "no", allowed: ["no", "yes"] };
const FUNCTION: Parameters = {
  CodeBucket: { description: "The bucket, in this Region, that has the function's zip." },
  CodeKey: { description: "The key of the zip in it. Another key is an update, so let it have the version.", fallback: "ecr-cleanup-arm64.zip" },
  Architecture: { description: "What the zip was built for.", fallback: "arm64", allowed: ["arm64", "x86_64"] },
  Mode: {
    description: "The most that a run may do. In `plan` the function's role has no permission to delete or archive anything.",
    fallback: "plan",
    allowed: ["plan", "archive", "delete"],
  },
  Configuration: {
    description: "More of the configuration document, as members of a JSON object without its braces. Empty: as it comes.",
    fallback: "",
  },
  CleanableRepositories: { description: "The repositories that the role may delete or archive in, with * for any characters.", fallback: "*" },
  Schedule: { description: "When it runs, as EventBridge Scheduler writes it.", fallback: "cron(0 3 * * ? *)", pattern: "^(rate|cron|at)\\(.+\\)$" },
  Timezone: { description: "The time zone of the schedule.", fallback: "UTC" },
  CreateBucket: { description: "Whether to create a bucket for state and reports, which stays when the stack goes.", ...YES_OR_NO },
  NotificationEmail: { description: "Who hears of alarms, and of runs that deleted something, failed or were refused. Empty: nobody.", fallback: "" },
  MemberRoleName: {
    description: "The role in every account of the organization to read them with, as the template for members makes it. Empty: this account alone is read.",
    fallback: "",
  },
  MemberExternalId: { description: "The ExternalId of these roles.", fallback: "ecr-cleanup" },
};
const MEMBER: Parameters = {
  FunctionRoleArn: { description: "The function's role, which may come in, with * for any characters.", pattern: "^arn:[a-z-]+:iam::[0-9]{12}:role/.+$" },
  ExternalId: { description: "What the function has to say to be let in: `external_id` of its configuration.", fallback: "ecr-cleanup" },
  OrganizationId: { description: "The organization that the function's account has to be in. Empty: any.", fallback: "", pattern: "^(o-[a-z0-9]{10,32})?$" },
  RoleName: { description: "Name of the role.", fallback: "ecr-cleanup-reader" },
  Cleans: {
    description: "The function's mode, if images of this account are cleaned. `no`: the role only reads what is in use.",
    fallback: "no",
    allowed: ["no", "plan", "archive", "delete"],
  },
  ListsAccounts: { description: "Whether the function lists the accounts of the organization with this role.", ...YES_OR_NO },
};
const ORGANIZATION: Parameters = {
  OrganizationalUnitIds: { description: "The organizational units, or the root, whose accounts get the role.", type: "CommaDelimitedList" },
  CallAs: { description: "`DELEGATED_ADMIN` where this account is one for CloudFormation.", fallback: "SELF", allowed: ["SELF", "DELEGATED_ADMIN"] },
};

/** A stack with these parameters, which anybody may deploy anywhere. */
function stack(description: string, parameters: Parameters): [Stack, (name: string) => string] {
  const made = new Stack(new App({ analyticsReporting: false }), "EcrCleanup", { description });
  for (const [id, { description, fallback, allowed, pattern, type }] of Object.entries(parameters)) {
    new CfnParameter(made, id, { description, default: fallback, allowedValues: allowed, allowedPattern: pattern, type });
  }
  // A parameter or a condition that has no effect in one variant has one in another.
  Validations.of(made).acknowledge({ id: "CloudFormation-Validate::W8001", reason: "see above" }, { id: "CloudFormation-Validate::W2001", reason: "see above" });
  const parameter = (name: string) => (made.node.findChild(name) as CfnParameter).valueAsString;
  return [made, parameter];
}

/** Declares what decides between variants: a parameter with a value, or with any at all. */
function decides(scope: Stack, name: string, parameter: string, wanted?: string) {
  const holds = wanted === undefined ? Fn.conditionNot(Fn.conditionEquals(parameter, "")) : Fn.conditionEquals(parameter, wanted);
  new CfnCondition(scope, name, { expression: holds });
}

function synthesised(made: Stack): any {
  const { Rules: _rules, ...template } = (made.node.root as App).synth().getStackByName(made.stackName).template;
  // What CDK needs to know of its own stacks.
  delete template.Parameters.BootstrapVersion;
  return template;
}

interface FunctionChoice {
  readonly mode: Mode;
  readonly keeps: boolean;
  readonly notifies: boolean;
  readonly reads: boolean;
}

function functionVariant({ mode, keeps, notifies, reads }: FunctionChoice): any {
  const [made, parameter] = stack("ecr-cleanup: deletes from Amazon ECR the images nobody needs", FUNCTION);
  decides(made, "Plans", parameter("Mode"), "plan");
  decides(made, "Archives", parameter("Mode"), "archive");
  decides(made, "IsConfigured", parameter("Configuration"));
  decides(made, "KeepsState", parameter("CreateBucket"), "yes");
  decides(made, "Notifies", parameter("NotificationEmail"));
  decides(made, "ReadsMembers", parameter("MemberRoleName"));
  const members = { organization: { role_name: parameter("MemberRoleName"), external_id: parameter("MemberExternalId") } };
  const cleanup = new EcrCleanup(made, "EcrCleanup", {
    code: lambda.Code.fromBucket(s3.Bucket.fromBucketName(made, "Code", parameter("CodeBucket")), parameter("CodeKey")),
    architecture: lambda.Architecture.custom(parameter("Architecture")),
    mode,
    config: reads ? { in_use: members } : {},
    cleanableRepositories: [parameter("CleanableRepositories")],
    schedule: { expression: parameter("Schedule"), timezone: parameter("Timezone") },
    createBucket: keeps,
    notificationEmails: notifies ? [parameter("NotificationEmail")] : [],
  });
  new CfnOutput(made, "FunctionName", { value: cleanup.function.functionName });
  new CfnOutput(made, "RoleArn", { description: "What roles in other accounts and access entries of EKS name.", value: cleanup.role.roleArn });
  return synthesised(made);
}

/** The configuration document, of which a construct would have to know more than parameters say. */
function told(): any {
  const sub = (text: string) => ({ "Fn::Sub": text });
  const chosen = (condition: string, yes: string, no?: string) => ({ "Fn::If": [condition, sub(yes), no ? sub(no) : ""] });
  const bucket = "s3://ecr-cleanup-${AWS::AccountId}-${AWS::Region}";
  const parts = [
    sub('{"version":1,"mode":"${Mode}"'),
    chosen("KeepsState", `,"state":"${bucket}/state","report":"${bucket}/reports"`),
    chosen("Notifies", ',"notify":"arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:ecr-cleanup-notifications"'),
    chosen("ReadsMembers", ',"in_use":{"organization":{"role_name":"${MemberRoleName}","external_id":"${MemberExternalId}"}}'),
    chosen("IsConfigured", ",${Configuration}", ',"guards":{"expected_accounts":["${AWS::AccountId}"]}'),
    "}",
  ];
  return { "Fn::Join": ["", parts] };
}

function functionTemplate(): any {
  const modes = (rest: Omit<FunctionChoice, "mode">) => {
    const [plan, archive, del] = (["plan", "archive", "delete"] as const).map((mode) => functionVariant({ mode, ...rest }));
    return either("Plans", plan, either("Archives", archive, del));
  };
  const readers = (rest: Omit<FunctionChoice, "mode" | "reads">) => either("ReadsMembers", modes({ ...rest, reads: true }), modes({ ...rest, reads: false }));
  const notifiers = (keeps: boolean) => either("Notifies", readers({ keeps, notifies: true }), readers({ keeps, notifies: false }));
  const template = either("KeepsState", notifiers(true), notifiers(false));
  const [made] = Object.values<any>(template.Resources).filter((one) => one.Type === "AWS::Lambda::Function");
  made.Properties.Environment.Variables.ECR_CLEANUP_CONFIG = told();
  return template;
}

interface MemberChoice {
  readonly cleans?: Mode;
  readonly lists: boolean;
  readonly bound: boolean;
}

function memberVariant({ cleans, lists, bound }: MemberChoice): any {
  const [made, parameter] = stack("ecr-cleanup: lets it read what is in use in this account", MEMBER);
  decides(made, "ReadsAlone", parameter("Cleans"), "no");
  decides(made, "Plans", parameter("Cleans"), "plan");
  decides(made, "Archives", parameter("Cleans"), "archive");
  decides(made, "Lists", parameter("ListsAccounts"), "yes");
  decides(made, "IsBound", parameter("OrganizationId"));
  const { role } = new MemberAccountRole(made, "Member", {
    functionRoleArn: parameter("FunctionRoleArn"),
    externalId: parameter("ExternalId"),
    name: parameter("RoleName"),
    organizationId: bound ? parameter("OrganizationId") : undefined,
    listsAccounts: lists,
    registry: cleans && { mode: cleans, regions: ["*"], readsTags: true },
  });
  new CfnOutput(made, "RoleArn", { value: role.roleArn });
  return synthesised(made);
}

function memberTemplate(): any {
  const cleaners = (rest: Omit<MemberChoice, "cleans">) => {
    const [plan, archive, del] = (["plan", "archive", "delete"] as const).map((cleans) => memberVariant({ cleans, ...rest }));
    return either("ReadsAlone", memberVariant(rest), either("Plans", plan, either("Archives", archive, del)));
  };
  const listers = (bound: boolean) => either("Lists", cleaners({ bound, lists: true }), cleaners({ bound, lists: false }));
  return either("IsBound", listers(true), listers(false));
}

/** The member's template in every account of organizational units, the future ones included. */
function organizationTemplate(member: any): any {
  const [made, parameter] = stack("ecr-cleanup: lets it read what is in use in every account of an organization", { ...ORGANIZATION, ...MEMBER });
  new CfnStackSet(made, "Members", {
    stackSetName: "ecr-cleanup-member",
    description: "Lets ecr-cleanup read what is in use",
    permissionModel: "SERVICE_MANAGED",
    callAs: parameter("CallAs"),
    autoDeployment: { enabled: true, retainStacksOnAccountRemoval: false },
    capabilities: ["CAPABILITY_NAMED_IAM"],
    operationPreferences: { failureTolerancePercentage: 100, maxConcurrentPercentage: 100, regionConcurrencyType: "PARALLEL" },
    parameters: Object.keys(MEMBER).map((name) => ({ parameterKey: name, parameterValue: parameter(name) })),
    // In this Region alone, since a role is global.
    stackInstancesGroup: [
      { regions: [made.region], deploymentTargets: { organizationalUnitIds: Token.asList({ Ref: "OrganizationalUnitIds" }) } },
    ],
    templateBody: JSON.stringify(member),
  });
  return synthesised(made);
}

const [folder] = process.argv.slice(2);
const member = memberTemplate();
fs.mkdirSync(folder, { recursive: true });
for (const [name, template] of Object.entries({ function: functionTemplate(), member, organization: organizationTemplate(member) })) {
  fs.writeFileSync(path.join(folder, `ecr-cleanup-${name}.template.json`), `${JSON.stringify(template)}\n`);
}
