// Alarms, the dashboard, saved queries, and the console's test events.

import { CfnMapping, Duration, Stack, Token } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as schemas from "aws-cdk-lib/aws-eventschemas";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { place } from "./place";
import { EcrCleanupProps } from "./props";
import { Mode, logGroupName, shared, testEvents } from "./settings";

/** Who hears of alarms: of those that are urgent, and of the others. */
export interface Actions {
  readonly urgent: string[];
  readonly others: string[];
}

/** What watches a function of this name. */
export function observe(scope: Construct, name: string, mode: Mode, props: EcrCleanupProps, timeout: Duration, actions: Actions, state?: string) {
  const { partition, region, account } = place(scope);
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
  const scheduled = (props.scheduled ?? true) && (props.schedule?.enabled ?? true);
  const also = props.alsoAlarms ?? [];
  const unknown = also.filter((one) => !alarms.some(([alarm]) => alarm === one));
  if (unknown.length) throw new Error(`no alarm is called ${unknown.join(" or ")}; there are ${alarms.map(([alarm]) => alarm).join(", ")}`);
  const asked = ([alarm, rule]: [string, any]) => (rule.default || also.includes(alarm)) && (alarm !== "no-run" || scheduled);
  const wanted = (props.alarms ?? true) ? alarms.filter(asked) : [];
  const made = wanted.map(([alarm, rule]) => addAlarm(scope, `${name}-${alarm}`, `Alarm-${alarm}`, rule, actions.urgent));
  // These ring together, by an alarm of their own: one refusal rings once.
  const quiet = wanted.filter(([, rule]) => !rule.urgent).map(([alarm]) => alarm);
  addAttention(scope, name, quiet, made, actions.others);
  if (props.dashboard ?? true) {
    const every = [...wanted.map(([alarm]) => alarm), ...(quiet.length ? ["attention"] : [])].sort();
    const arns = every.map((alarm) => `arn:${partition}:cloudwatch:${region}:${account}:alarm:${name}-${alarm}`);
    const body = shared("dashboard.json", {
      name,
      global_name: `${name}-${region}`,
      mode: mode.toUpperCase(),
      region,
      console: console(scope),
      timeout: `${timeout.toSeconds()}`,
      log_group: logGroupName(name),
      stop_command: stopCommand(name, region, state),
      log_group_in_url: logGroupName(name).replace(/\//g, "$252F"),
      alarm_arns: arns.join('","'),
    });
    body.widgets = body.widgets.filter((widget: any) => widget.type !== "alarm" || arns.length > 0);
    new cloudwatch.CfnDashboard(scope, "Dashboard", { dashboardName: `${name}-${region}`, dashboardBody: Stack.of(scope).toJsonString(body) });
    for (const [query, text] of Object.entries<string>(shared("queries.json"))) {
      new logs.CfnQueryDefinition(scope, `Query-${query.replace(/ /g, "-")}`, {
        name: `${name}/${query}`,
        logGroupNames: [logGroupName(name)],
        queryString: text,
      });
    }
  }
  if (props.testEvents ?? shared("regions.json").with_test_events.includes(region)) {
    const registryName = "lambda-testevent-schemas";
    const schema = new schemas.CfnSchema(scope, "TestEvents", {
      registryName,
      schemaName: `_${name}-schema`,
      type: "OpenApi3",
      description: `Shareable test events of ${name}`,
      content: JSON.stringify(testEvents(mode)),
    });
    if (props.testEventRegistry ?? true) {
      schema.addResourceDependency(new schemas.CfnRegistry(scope, "TestEventRegistry", { registryName, description: "Shareable test events of Lambda functions" }));
    }
  }
}

/** The emergency stop. The object in the state ends what runs already, also where a role of another account was assumed. */
function stopCommand(name: string, region: string, state?: string): string {
  if (state === undefined) return `aws lambda put-function-concurrency --region ${region} --function-name ${name} --reserved-concurrent-executions 0`;
  // A bucket of another account has its id before an @.
  const [bucket, ...prefix] = state.replace(/^s3:\/\/([^/]*@)?/, "").split("/");
  return `aws s3api put-object --bucket ${bucket} --key ${[...prefix.filter((part) => part), "stop"].join("/")}`;
}

/** The alarm that rings for the first of those that ring for nobody themselves. */
export function addAttention(scope: Construct, name: string, quiet: string[], made: cloudwatch.CfnAlarm[], actions: string[]) {
  if (quiet.length === 0) return;
  const attention = new cloudwatch.CfnCompositeAlarm(scope, "Alarm-attention", {
    alarmName: `${name}-attention`,
    alarmDescription: `One or more alarms of ${name} went off; it rings for the first of them. Runbook: Alarms.`,
    alarmRule: quiet.map((alarm) => `ALARM("${name}-${alarm}")`).join(" OR "),
    alarmActions: actions,
    okActions: actions,
  });
  for (const alarm of made) attention.addResourceDependency(alarm);
}

export function addAlarm(scope: Construct, alarmName: string, id: string, rule: any, urgent: string[]): cloudwatch.CfnAlarm {
  const dimensions = (of: any) => Object.entries(of.dimensions).map(([name, value]) => ({ name, value: `${value}` }));
  const measured = rule.expression
    ? {
        metrics: [
          ...Object.entries<any>(rule.metrics).map(([id, of]) => ({
            id,
            metricStat: { metric: { namespace: of.namespace, metricName: of.metric, dimensions: dimensions(of) }, stat: rule.statistic, period: rule.period },
            returnData: false,
          })),
          { id: "all", expression: rule.expression, label: id.replace("Alarm-", ""), returnData: true },
        ],
      }
    : { namespace: rule.namespace, metricName: rule.metric, dimensions: dimensions(rule), statistic: rule.statistic, period: rule.period };
  return new cloudwatch.CfnAlarm(scope, id, {
    alarmName,
    alarmDescription: rule.description,
    ...measured,
    comparisonOperator: rule.comparison,
    threshold: Number(rule.threshold),
    evaluationPeriods: Number(rule.periods),
    treatMissingData: rule.missing,
    alarmActions: rule.urgent ? urgent : undefined,
    okActions: rule.urgent ? urgent : undefined,
  });
}

/** The console's host. */
export function console(scope: Construct): string {
  const { consoles } = shared("regions.json");
  const { partition, region } = place(scope);
  if (!Token.isUnresolved(partition)) return `${region}.${consoles[partition] ?? consoles.aws}`;
  const mapping = Object.fromEntries(Object.entries(consoles).map(([partition, host]) => [partition, { host }]));
  return `${region}.${new CfnMapping(scope, "Consoles", { mapping }).findInMap(partition, "host")}`;
}

/** For the account that monitors those in which the function is deployed, by CloudWatch's cross-account observability. */
export interface OrganizationDashboardProps {
  /** Default: ecr-cleanup. */
  readonly name?: string;
  /** The Regions with deployments, each of which has a part of the dashboard. Default: the stack's. */
  readonly regions?: string[];
}

/** A dashboard of every deployment in the accounts that share their metrics with this one. */
export class OrganizationDashboard extends Construct {
  constructor(scope: Construct, id: string, props: OrganizationDashboardProps = {}) {
    super(scope, id);
    const parts = (props.regions ?? [place(this).region]).map((region) => shared("dashboard-organization.json", { region, label: DEPLOYMENT }));
    const tall = Math.max(...parts[0].widgets.map((widget: any) => widget.y + widget.height));
    const widgets = parts.flatMap((part, index) => part.widgets.map((widget: any) => ({ ...widget, y: widget.y + index * tall })));
    new cloudwatch.CfnDashboard(this, "Dashboard", {
      dashboardName: `${props.name ?? "ecr-cleanup"}-organization`,
      dashboardBody: Stack.of(this).toJsonString({ ...parts[0], widgets }),
    });
  }
}

/** How CloudWatch labels a line of a search. */
const DEPLOYMENT = "${PROP('AccountLabel')} ${PROP('Dim.Deployment')}";
