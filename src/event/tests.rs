use serde_json::json;

use super::*;

fn parse(event: &Value, configured: &str) -> Result<Event, EventError> {
    Event::parse(
        event,
        &Config::parse(&format!("mode: {configured}")).unwrap(),
    )
}

#[test]
fn schedules_run_the_configured_mode() {
    for (source, detail) in [("aws.events", json!({})), ("aws.scheduler", json!("{}"))] {
        let event = json!({"version": "0", "detail-type": "Scheduled Event", "source": source, "detail": detail});
        for (configured, mode) in [("plan", Mode::Plan), ("delete", Mode::Delete)] {
            let event = parse(&event, configured).unwrap();
            assert_eq!(event.mode, mode);
        }
    }
}

#[test]
fn an_empty_event_only_plans() {
    for event in [
        json!({}),
        Value::Null,
        json!({"repositories": ["a/*"]}),
        json!({"dry_run": true}),
    ] {
        assert_eq!(parse(&event, "delete").unwrap().mode, Mode::Plan, "{event}");
    }
}

#[test]
fn an_event_narrows_and_never_widens() {
    assert_eq!(
        parse(&json!({"mode": "delete"}), "delete").unwrap().mode,
        Mode::Delete
    );
    assert_eq!(
        parse(&json!({"mode": "plan"}), "delete").unwrap().mode,
        Mode::Plan
    );
    let error = parse(&json!({"mode": "delete"}), "plan").unwrap_err();
    assert_eq!(
        error,
        EventError::Widens {
            asked: Mode::Delete,
            configured: Mode::Plan
        }
    );
    let only = parse(&json!({"repositories": ["team/*"]}), "plan")
        .unwrap()
        .only
        .unwrap();
    assert!(only.matches("team/app") && !only.matches("team/app/api") && !only.matches("other"));
}

#[test]
fn what_is_not_understood_is_refused_in_words() {
    for (event, message) in [
        (
            json!({"key1": "value1"}),
            "unknown field `key1`; accepted are `mode`, `repositories`, `explain`, `verify`, `dry_run`",
        ),
        (
            json!({"dryrun": true}),
            "unknown field `dryrun`; accepted are `mode`, `repositories`, `explain`, `verify`, `dry_run` (did you mean `dry_run`?)",
        ),
        (
            json!({"Mode": "plan"}),
            "unknown field `Mode`; accepted are `mode`, `repositories`, `explain`, `verify`, `dry_run` (did you mean `mode`?)",
        ),
        (
            json!({"dry_run": false}),
            "`dry_run`: `false` does not say what to do; write `\"mode\":\"delete\"`",
        ),
        (
            json!({"dry_run": true, "mode": "delete"}),
            "`dry_run`: `true` contradicts `mode`; write `mode` alone",
        ),
        (
            json!({"dry_run": "yes"}),
            "`dry_run`: expected `true`, got \"yes\"",
        ),
        (
            json!({"mode": "purge"}),
            "`mode`: expected `plan`, `archive` or `delete`, got \"purge\"",
        ),
        (
            json!({"repositories": []}),
            "`repositories`: expected a list of globs, got []",
        ),
        (
            json!({"repositories": "a"}),
            "`repositories`: expected a list of globs, got \"a\"",
        ),
        (
            json!({"repositories": [1]}),
            "`repositories`: expected a string, got 1",
        ),
        (json!({"explain": 5}), "`explain`: expected a string, got 5"),
        (
            json!({"explain": "a:1", "mode": "delete"}),
            "`explain`: explaining changes nothing; leave out `mode`",
        ),
        (
            json!({"verify": false}),
            "`verify`: expected `true`, got false",
        ),
        (
            json!({"verify": true, "mode": "delete"}),
            "`verify`: verifying asks for every image in use; leave out the other fields",
        ),
        (
            json!([]),
            "expected an object such as `{\"mode\":\"plan\"}`, got a list",
        ),
        (
            json!({"Records": []}),
            "this is a batch of records from SNS, SQS, S3 or a stream; send a scheduled event, or one of the fields `mode`, `repositories`, `explain`, `verify`, `dry_run`",
        ),
        (
            json!({"source": "aws.ecr", "detail-type": "ECR Image Action", "detail": {}}),
            "this is the event `ECR Image Action` of `aws.ecr`; send a scheduled event, or one of the fields `mode`, `repositories`, `explain`, `verify`, `dry_run`",
        ),
    ] {
        assert_eq!(parse(&event, "delete").unwrap_err().to_string(), message);
    }
    assert!(parse(&json!({"repositories": ["[z-a]"]}), "plan").is_err());
}
