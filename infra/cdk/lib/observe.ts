// Alarms, the dashboard, saved queries, and the console's test events.

import { CfnMapping, Duration, Stack, Token } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as schemas from "aws-cdk-lib/aws-eventschemas";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { place } from "./place";
import { EcrCleanupProps } from "./props";
import { Mode, logGroupName, shared, testEvents } from "./settings";

/** What watches a function of this name; `actions` are notified of alarms. */
export function observe(scope: Construct, name: string, mode: Mode, props: EcrCleanupProps, timeout: Duration, actions: string[]) {
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
  const scheduled = props.schedule !== null && (props.schedule?.enabled ?? true);
  const wanted = (props.alarms ?? true) ? alarms.filter(([alarm]) => alarm !== "no-run" || scheduled) : [];
  for (const [alarm, rule] of wanted) {
    new cloudwatch.CfnAlarm(scope, `Alarm-${alarm}`, {
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
      console: console(scope),
      timeout: `${timeout.toSeconds()}`,
      log_group: logGroupName(name),
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

/** The console's host. */
function console(scope: Construct): string {
  const { consoles } = shared("regions.json");
  const { partition, region } = place(scope);
  if (!Token.isUnresolved(partition)) return `${region}.${consoles[partition] ?? consoles.aws}`;
  const mapping = Object.fromEntries(Object.entries(consoles).map(([partition, host]) => [partition, { host }]));
  return `${region}.${new CfnMapping(scope, "Consoles", { mapping }).findInMap(partition, "host")}`;
}
