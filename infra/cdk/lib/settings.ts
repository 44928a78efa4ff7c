// What the function is told and what it may do, as in infra/terraform/modules: pure, and held equal to them by a test.

import * as fs from "fs";
import * as path from "path";

const SHARED = path.join(__dirname, "..", "..", "shared");
const EVENTS = path.join(__dirname, "..", "..", "..", "events");

/** The most that a run may do. */
export type Mode = "plan" | "archive" | "delete";

/** The configuration document but for `mode`, as config.schema.json describes it. */
export type Config = { readonly [key: string]: any };

/** A tag. */
export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Where the function is, and what it is called. */
export interface Place {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  readonly name: string;
}

/** What decides what the role allows. */
export interface Permitted {
  readonly mode: Mode;
  readonly config: Config;
  readonly cleanableRepositories: string[];
  readonly protectTag?: Tag;
}

interface Permission {
  readonly sid: string;
  readonly actions: string[];
  readonly resources: "all" | "repositories" | "cleanable_repositories";
}

/** A file that all tools share, with `${...}` filled in. */
export function shared(file: string, values: { [name: string]: string } = {}): any {
  const text = fs.readFileSync(path.join(SHARED, file), "utf8");
  const filled = text.replace(/\$\{(\w+)\}/g, (placeholder, name) => {
    if (!(name in values)) throw new Error(`${file}: nothing to put in for ${placeholder}`);
    return values[name];
  });
  return JSON.parse(filled);
}

export const logGroupName = (name: string) => `/aws/lambda/${name}`;

/** The configuration document. */
export function document(mode: Mode, config: Config, account: string): object {
  const guards = { expected_accounts: [account], ...config.guards };
  return { version: 1, ...config, mode, guards };
}

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
  const offered = files.filter((file) => mode === "delete" || file !== "manual-delete.json").sort();
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

/** The statements of the function's role. */
export function statements(place: Place, permitted: Permitted): any[] {
  const { mode, config } = permitted;
  const { partition, region, account, name } = place;
  const permissions = shared("permissions.json");
  const registries: any[] = config.registries ?? [{}];
  const own = registries.filter((registry) => registry.role_arn === undefined);
  const regions = [...new Set<string>(own.map((registry) => registry.region ?? region))];
  const repositories = regions.map((one) => `arn:${partition}:ecr:${one}:${account}:repository`);
  const resources = {
    all: ["*"],
    repositories: repositories.map((prefix) => `${prefix}/*`),
    cleanable_repositories: repositories.flatMap((prefix) =>
      permitted.cleanableRepositories.map((pattern) => `${prefix}/${pattern}`),
    ),
  };
  const sources = ["ecs", "eks", "lambda"].filter((source) => config.in_use?.[source] !== false);
  const deletes = mode === "delete" || (mode === "archive" && config.archive?.delete_after !== undefined);
  const granted: Permission[] = [
    ...permissions.registry,
    ...sources.flatMap((source) => permissions.sources[source]),
    ...(config.in_use?.services ?? []).flatMap((service: string) => permissions.services[service]),
    ...(mode === "plan" ? [] : permissions.archive),
    ...(deletes ? permissions.delete : []),
  ];
  const allow = (Sid: string, Action: string[], Resource: string[]) => ({ Action, Effect: "Allow", Resource, Sid });

  const roles = [...(config.registries ?? []), ...(config.in_use?.accounts ?? [])].flatMap((one) => one.role_arn ?? []);
  const keepLists: string[] = (config.in_use?.keep_lists ?? []).map(
    (uri: string) => `arn:${partition}:s3:::${uri.replace("s3://", "")}`,
  );
  const protect = permitted.protectTag;
  return [
    ...granted.map((one) => allow(one.sid, one.actions, resources[one.resources])),
    ...(roles.length ? [allow("AssumeRoles", ["sts:AssumeRole"], [...new Set<string>(roles)])] : []),
    ...(keepLists.length ? [allow("ReadKeepLists", ["s3:GetObject"], keepLists)] : []),
    ...(keepLists.length
      ? [allow("ListKeepLists", ["s3:ListBucket"], [...new Set(keepLists.map((arn) => arn.split("/")[0]))])]
      : []),
    ...(config.notify ? [allow("Notify", ["sns:Publish"], [config.notify])] : []),
    ...(protect && mode !== "plan"
      ? [
          {
            Action: [...permissions.archive, ...permissions.delete].flatMap((one: Permission) => one.actions),
            Condition: { StringEquals: { [`aws:ResourceTag/${protect.key}`]: protect.value } },
            Effect: "Deny",
            Resource: ["*"],
            Sid: "LeaveProtectedRepositories",
          },
        ]
      : []),
    // What Lambda itself does in the function's name; no logs:CreateLogGroup, or a deleted log group comes back without
    // its retention.
    allow("WriteLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [
      `arn:${partition}:logs:${region}:${account}:log-group:${logGroupName(name)}:*`,
    ]),
    allow("KeepFailures", ["sqs:SendMessage"], [
      `arn:${partition}:sqs:${region}:${account}:${name}-function-failures`,
    ]),
  ];
}
