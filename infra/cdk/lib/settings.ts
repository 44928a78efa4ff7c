// What the function is told and what it may do, as in infra/terraform/modules: pure, and held equal to them by a test.

import { Token } from "aws-cdk-lib";
import * as fs from "fs";
import * as path from "path";

const SHARED = path.join(__dirname, "..", "shared");
const EVENTS = path.join(__dirname, "..", "events");

/** The most that a run may do. */
export type Mode = "plan" | "archive" | "delete";

/** What a function does of a distributed run. */
export type Phase = "list" | "evidence" | "clean" | "finish";
export const PHASES: Phase[] = ["list", "evidence", "clean", "finish"];

/** The configuration document but for `mode`, as config.schema.json describes it. */
export type Config = { readonly [key: string]: any };

/** A tag. */
export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Where a role is, and the name of its function if it is one's. */
export interface Place {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly name?: string;
  /** Default: the function of that name. */
  readonly functionArn?: string;
}

/** What decides what the role allows. */
export interface Permitted {
  /** The configuration document. */
  readonly document: Config;
  /** Default: everything. */
  readonly phase?: Phase;
  readonly cleanableRepositories: string[];
  readonly protectTag?: Tag;
  /** The parameter that holds the document. */
  readonly parameter?: string;
  /** The bucket and key of the object that holds the document. */
  readonly configObject?: string;
  /** ARNs of roles of the organization, with * for any characters. Default: none. */
  readonly rolePatterns?: string[];
  readonly inVpc: boolean;
  /** ARNs of the keys of what is only read, and of what is written besides. Default: none. */
  readonly keys?: Keys;
  /** Statements to add. Default: none. */
  readonly extraStatements?: any[];
}

/** ARNs of keys. */
export interface Keys {
  readonly reading: string[];
  readonly writing: string[];
}

/** Services to make VPC endpoints of, and those that have none. */
export interface VpcEndpoints {
  readonly services: string[];
  readonly others: string[];
}

/** What the construct creates besides, for the configuration to name. */
export interface Created {
  readonly bucket?: string;
  readonly topic?: string;
}

interface Permission {
  readonly sid: string;
  readonly actions: string[];
  readonly resources: string;
  readonly condition?: { readonly [operator: string]: { readonly [key: string]: string } };
}

/** A file that all tools share, with `${...}` filled in. */
export function shared(file: string, values: { [name: string]: string } = {}): any {
  const text = fs.readFileSync(path.join(SHARED, file), "utf8");
  const filled = text.replace(/\$\{(\w+)\}/g, (placeholder, name) => {
    if (!(name in values)) throw new Error(`${file}: nothing to put in for ${placeholder}`);
    return values[name];
  });
  // A placeholder is part of a string, also where only a number is taken.
  return JSON.parse(filled.replace(/"number:(\d+)"/g, "$1"));
}

export const logGroupName = (name: string) => `/aws/lambda/${name}`;

/** Who is told of runs. */
const notified = (document: Config): string[] => [document.notify ?? []].flat();

/** The configuration document. */
export function document(mode: Mode, config: Config, account: string, created: Created): Config {
  const { bucket, topic } = created;
  const storage = bucket === undefined ? {} : { state: `s3://${bucket}/state`, report: `s3://${bucket}/reports` };
  // The topic besides whoever is told already.
  const told = notified(config);
  const notify = topic === undefined ? {} : { notify: told.length ? unique([topic, ...told]) : topic };
  // The account of a registry is in the ARN of the role that cleans it.
  const cleaned = (config.registries ?? []).flatMap((one: any) => (one.role_arn ? [one.role_arn.split(":")[4]] : []));
  const guards = { expected_accounts: unique([account, ...cleaned]), ...config.guards };
  return { version: 1, ...storage, ...config, ...notify, mode, guards };
}

/** What reading each source of use needs. */
function readable(): { [source: string]: Permission[] } {
  const { sources, services } = shared("permissions.json");
  return { ...sources, ...services };
}

/** The tag of repositories that are never written to, unless there is none. */
export const protection = (props: { readonly protectTag?: Tag; readonly protectByTag?: boolean }): Tag | undefined =>
  (props.protectByTag ?? true) ? (props.protectTag ?? { key: "ecr-cleanup", value: "protect" }) : undefined;

/** Which sources of use are on: everything that is not switched off by `false`, services also where others are named. */
export function sources(config: Config): string[] {
  const permissions = shared("permissions.json");
  const switched: string[] = permissions.on_unless_false;
  const services = config.in_use?.services ?? "auto";
  const every = services === "auto" || services === "all";
  const read: string[] = every ? Object.keys(permissions.services) : services || [];
  const named = [...switched.filter((name) => config.in_use?.[name] !== false), ...read];
  const unknown = named.filter((name) => !(name in readable()));
  if (unknown.length) throw new Error(`no source of use is called ${unknown.join(" or ")}; there are ${Object.keys(readable()).join(", ")}`);
  return named;
}

/** Whether a rule is about pulls. */
export const usesPullTimes = (config: Config): boolean =>
  (config.policies ?? []).some((policy: any) => (policy.keep ?? []).some((rule: any) => rule.pulled_within !== undefined || rule.by === "pulled"));

/** Whether AWS tags of repositories decide on policies. */
export const readsTags = (config: Config): boolean =>
  config.policy_tag !== undefined || (config.policies ?? []).some((policy: any) => policy.repository_tags !== undefined);

/** The event that the schedule sends: what Scheduler sends without an input, spelt out. */
export function scheduleInput(): string {
  return JSON.stringify({
    detail: {},
    "detail-type": "Scheduled Event",
    id: "<aws.scheduler.execution-id>",
    resources: ["<aws.scheduler.schedule-arn>"],
    source: "aws.scheduler",
    time: "<aws.scheduler.scheduled-time>",
    version: "0",
  });
}

/** The console's shareable test events. A click offers deleting only where deleting is what the function is for. */
export function testEvents(mode: Mode): object {
  const files = fs.readdirSync(EVENTS).filter((file) => file.endsWith(".json"));
  const offered = files.filter((file) => mode === "delete" || !["manual-delete.json", "manual-saved-plan.json"].includes(file)).sort();
  const example = (file: string) => ({ value: JSON.parse(fs.readFileSync(path.join(EVENTS, file), "utf8")) });
  return {
    components: {
      examples: Object.fromEntries(offered.map((file) => [file.replace(/\.json$/, ""), example(file)])),
      schemas: { Event: { type: "object" } },
    },
    info: { title: "Event", version: "1.0.0" },
    openapi: "3.0.0",
    paths: {},
  };
}

/** The policy of the function's role. */
export function policy(place: Place, permitted: Permitted): any {
  const Statement = statements(place, permitted);
  const size = (value: unknown) => JSON.stringify(value).length;
  const document = { Version: "2012-10-17", Statement };
  // What is not known yet has another length.
  if (!Token.isUnresolved(JSON.stringify(document)) && size(document) > 10240) {
    const longest = Statement.reduce((a, b) => (size(a) < size(b) ? b : a));
    throw new Error(
      `the role's policy is ${size(document)} characters long, and IAM takes 10,240; the longest statement is \`${longest.Sid}\` with ` +
        `${size(longest)}; of repositories, write fewer or shorter patterns in \`cleanableRepositories\`; of roles in the organization, patterns in \`rolePatterns\``,
    );
  }
  return document;
}

/** What the function calls, in a VPC: by the program, which asks STS who it is besides. */
export function vpcEndpoints(place: Place, permitted: Permitted): VpcEndpoints {
  const permissions = shared("permissions.json");
  const resources = resourcesOf(place, meant(place, permitted));
  const byLambda = permissions.lambda_itself.map((one: Permission) => one.sid);
  const called = granted(permitted.document, permitted.phase).filter((one) => resources(one).length > 0 && !byLambda.includes(one.sid));
  const names = unique(["sts", ...called.flatMap((one) => one.actions.map((action) => action.split(":")[0]))]);
  const endpoint = (name: string) => permissions.vpc_endpoints[name];
  return { services: unique(names.filter(endpoint).map(endpoint)).sort(), others: names.filter((name) => !endpoint(name)).sort() };
}

const archives = (document: Config) => document.mode !== "plan";

/** What a configuration needs, as permissions.json says it; of a phase, what it uses of that. */
function granted(document: Config, phase?: Phase): Permission[] {
  const permissions = shared("permissions.json");
  const { uses, own } = phase ? permissions.phases[phase] : { uses: undefined, own: [] };
  const used = (name: string): boolean => uses === undefined || uses.includes(name);
  const deletes = document.mode === "delete" || (archives(document) && document.archive?.delete_after !== undefined);
  // Without logs:CreateLogGroup: a log group that somebody deleted would come back without its retention.
  return [
    ...(used("registry") ? permissions.registry : []),
    ...(used("sources") ? sources(document).flatMap((source) => readable()[source]) : []),
    ...(used("regions") ? (permissions.regions[document.in_use?.regions ?? "auto"] ?? []) : []),
    ...(archives(document) && used("look") ? permissions.look : []),
    ...(archives(document) && used("archive") ? permissions.archive : []),
    ...(deletes && used("delete") ? permissions.delete : []),
    ...permissions.configured.filter((one: Permission) => used(one.sid)),
    ...own,
    ...permissions.lambda_itself,
  ];
}

/** The statements of the function's role. */
function statements(place: Place, permitted: Permitted): any[] {
  const { document, phase, protectTag, inVpc } = permitted;
  const permissions = shared("permissions.json");
  const names = meant(place, permitted);
  const resources = resourcesOf(place, names);
  const condition = (one: Permission) =>
    Object.fromEntries(
      Object.entries(one.condition ?? {})
        .filter(([, keys]) => Object.values(keys).every((values) => names[values].length > 0))
        .map(([operator, keys]) => [operator, mapped(keys, (values) => names[values])]),
    );
  // A statement about nothing is left out, and so is a condition.
  const allowed = granted(document, phase)
    .filter((one) => resources(one).length > 0)
    .map((one) => ({
      Action: one.actions,
      ...(Object.keys(condition(one)).length > 0 && { Condition: condition(one) }),
      Effect: "Allow",
      Resource: resources(one),
      Sid: one.sid,
    }));
  const deny = (Sid: string, Action: string[], Condition: object) => ({ Action, Condition, Effect: "Deny", Resource: ["*"], Sid });
  const writes = [...permissions.archive, ...permissions.delete].flatMap((one: Permission) => one.actions);
  const network = permissions.lambda_itself.filter((one: Permission) => one.resources === "network");
  return [
    ...allowed,
    ...(protectTag && archives(document) && (phase ?? "clean") === "clean"
      ? [deny("LeaveProtectedRepositories", writes, { StringEquals: { [`aws:ResourceTag/${protectTag.key}`]: protectTag.value } })]
      : []),
    // For Lambda alone, not for the code that runs in it ("Giving Lambda functions access to resources in an Amazon VPC").
    ...network
      .filter(() => inVpc)
      .map((one: Permission) =>
        deny("LeaveNetworkAlone", one.actions, {
          ArnEquals: { "lambda:SourceFunctionArn": names.function },
        }),
      ),
    ...(permitted.extraStatements ?? []),
  ];
}

/** What a statement is about. `own`: whatever the account has of the services of its actions, in any Region. */
function resourcesOf({ partition, account }: Place, names: { [resources: string]: string[] }): (one: Permission) => string[] {
  const own = (action: string) => `arn:${partition}:${action.split(":")[0]}:*:${account}:*`;
  return (one) => (one.resources === "own" ? unique(one.actions.map(own)) : names[one.resources]);
}

/** What the names in permissions.json stand for. */
function meant(place: Place, permitted: Permitted): { [resources: string]: string[] } {
  const { partition, region, account, name, functionArn } = place;
  const { document, phase, parameter, configObject } = permitted;
  const patterns = permitted.rolePatterns ?? [];
  const inPattern = (arn: string) => patterns.some((pattern) => new RegExp(`^${pattern.replace(/[.+]/g, "[$&]").replace(/\*/g, ".*")}$`).test(arn));
  // In other accounts the roles there decide.
  const registries: any[] = document.registries ?? [{}];
  const regions = unique(registries.filter((one) => !one.role_arn).map((one) => one.region ?? region));
  const repositories = regions.map((one) => `arn:${partition}:ecr:${one}:${account}:repository`);
  const organization = document.in_use?.organization;
  const lister = { role_arn: organization?.list_role_arn };
  const named = (...those: any[]): string[] => unique(those.flatMap((one) => one.role_arn ?? []));
  const others: any[] = document.in_use?.accounts ?? [];

  const s3 = `arn:${partition}:s3:::`;
  const folder = (uri?: string) => (uri ? [uri.replace(/^s3:\/\/(\d{12}@)?/, "").replace(/^\/+|\/+$/g, "")] : []);
  const [state, reports, published] = [document.state, document.report, document.publish].map(folder);
  const keepLists: string[] = (document.in_use?.keep_lists ?? []).map((uri: string) => uri.replace(/^s3:\/\/(\d{12}@)?/, ""));
  // Whose a bucket is: this account's, unless it is written s3://ACCOUNT@BUCKET/...
  const owners = (...uris: (string | undefined)[]) => unique(uris.flatMap((uri) => (uri ? [/^s3:\/\/(\d{12})@/.exec(uri)?.[1] ?? account] : [])));
  const objects = (kind: string) => state.flatMap((path) => shared("permissions.json").state_objects[kind].map((one: string) => `${s3}${path}/*/${one}.json.gz`));
  const self = functionArn ?? `arn:${partition}:lambda:${region}:${account}:function:${name}`;
  const held = (scheme: string) => notified(document).flatMap((one) => (one.startsWith(scheme) ? [one.slice(scheme.length)] : []));
  const documents: string[] = (document.policies ?? []).flatMap((policy: any) => policy.git?.document ?? []);
  // A list that is named without a * is read without looking for it.
  const searched = keepLists.filter((path) => path.includes("*")).map((path) => /^([^/]+)\/([^*]*)/.exec(path)!);
  return {
    all: ["*"],
    registries: regions.length ? ["*"] : [],
    repositories: repositories.map((prefix) => `${prefix}/*`),
    tagged_repositories: readsTags(document) ? repositories.map((prefix) => `${prefix}/*`) : [],
    cleanable_repositories: repositories.flatMap((prefix) => permitted.cleanableRepositories.map((pattern) => `${prefix}/${pattern}`)),
    recorded_definitions: document.in_use?.ecs?.config_recorder === "auto" ? ["*"] : [],
    roles: named(...registries, ...others, lister).filter((arn) => !inPattern(arn)),
    listing_roles: named(lister),
    // Where there is an organization, it is read by the role that each account has.
    reading_roles: named(...others, ...(organization ? [] : registries), lister).filter((arn) => !inPattern(arn)),
    cleaning_roles: named(...registries),
    organization: organization && !organization.list_role_arn ? ["*"] : [],
    organization_roles: [...(organization?.role_name ? [`arn:${partition}:iam::*:role/${organization.role_name}`] : []), ...patterns],
    own_organization: ["${aws:PrincipalOrgID}"],
    own_account: [account],
    keep_list_owners: owners(...(document.in_use?.keep_lists ?? [])),
    git_owners: owners(...documents),
    state_owner: owners(document.state),
    report_owner: owners(document.report),
    publish_owner: owners(document.publish),
    // Itself, and its versions and aliases; nobody where the role is no function's.
    function: name ? [self, `${self}:*`] : [],
    keep_lists: keepLists.map((path) => `${s3}${path}`),
    keep_list_buckets: unique(searched.map(([, bucket]) => `${s3}${bucket}`)),
    keep_list_prefixes: unique(searched.map(([, , prefix]) => prefix)),
    git_documents: unique(documents.map((uri) => `${s3}${uri.replace(/^s3:\/\/(\d{12}@)?/, "")}`)),
    state: state.map((path) => `${s3}${path}/*`),
    state_bucket: state.map((path) => `${s3}${path.split("/")[0]}`),
    runs: state.map((path) => `${s3}${path}/runs/*`),
    evidence: state.map((path) => `${s3}${path}/runs/*/evidence/*`),
    caches: objects("caches"),
    counts: objects("counts"),
    reports: reports.map((path) => `${s3}${path}/*`),
    published: published.map((path) => `${s3}${path}/*`),
    topics: notified(document).filter((one) => one.startsWith("arn:")),
    webhook_parameters: held("ssm:").map((name) =>
      name.startsWith("arn:") ? name : `arn:${partition}:ssm:${region}:${account}:parameter/${name.replace(/^\//, "")}`,
    ),
    // Secrets Manager ends an ARN with six characters of its own.
    webhook_secrets: held("secret:").map((name) => (name.startsWith("arn:") ? name : `arn:${partition}:secretsmanager:${region}:${account}:secret:${name}-??????`)),
    parameter: parameter ? [`arn:${partition}:ssm:${region}:${account}:parameter/${parameter.replace(/^\//, "")}`] : [],
    config_object: configObject ? [`${s3}${configObject}`] : [],
    log: name ? [`arn:${partition}:logs:${region}:${account}:log-group:${logGroupName(name)}:*`] : [],
    // The state machine waits for its functions, and sees what fails.
    failure_queue: name && !phase ? [`arn:${partition}:sqs:${region}:${account}:${name}-function-failures`] : [],
    keys: unique([...(permitted.keys?.reading ?? []), ...(permitted.keys?.writing ?? [])]),
    written_keys: unique(permitted.keys?.writing ?? []),
    network: permitted.inVpc ? ["*"] : [],
  };
}

const unique = (values: string[]) => [...new Set(values)];

function mapped<T, U>(values: { readonly [key: string]: T }, change: (value: T) => U): { [key: string]: U } {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}
