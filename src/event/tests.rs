use serde_json::json;

use super::*;

fn parse(event: &Value, configured: &str) -> Result<Event, EventError> {
    let config = Config::parse(&format!("mode: {configured}")).unwrap();
    Event::parse(event, &config)
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
    for mode in [Mode::Delete, Mode::Plan] {
        let event = json!({"mode": mode});
        assert_eq!(parse(&event, "delete").unwrap().mode, mode);
    }
    let error = parse(&json!({"mode": "delete"}), "plan").unwrap_err();
    let expected = EventError::Widens {
        asked: Mode::Delete,
        configured: Mode::Plan,
    };
    assert_eq!(error, expected);
    let event = json!({"repositories": ["team/*"]});
    let only = parse(&event, "plan").unwrap().only.unwrap();
    assert!(only.matches("team/app") && !only.matches("team/app/api") && !only.matches("other"));
}

/// In the table, an event is followed by the message after `> `.
#[test]
fn what_is_not_understood_is_refused_in_words() {
    for case in include_str!("refused.txt").split("\n\n") {
        let (event, message) = case.trim_end().split_once("\n> ").unwrap();
        let event = serde_json::from_str(event).unwrap();
        assert_eq!(parse(&event, "delete").unwrap_err().to_string(), message);
    }
    assert!(parse(&json!({"repositories": ["[z-a]"]}), "plan").is_err());
}
