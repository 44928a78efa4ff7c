//! Connections: a service answers one call after the other on each, and there are few.

use std::time::Duration;

use simulated_aws::SimulatedAws;

use crate::support::{WorldExt, plan};

#[tokio::test]
async fn calls_at_once_share_few_connections() {
    // An answer takes a moment, so that calls are in flight at once.
    let moment = Duration::from_millis(1);
    let aws = SimulatedAws::builder().latency(moment, moment);
    let aws = aws.start().await;
    aws.edit(|world| {
        for number in 0..100 {
            world.tagged(&format!("team/app-{number}"), "1.0", 10);
        }
    });
    let planned = plan(&aws, "").await;
    assert_status!(planned, Planned);
    let (calls, connections) = (aws.total(), aws.connections());
    assert!(calls > 300, "{calls} calls");
    assert!(
        connections <= 30,
        "{connections} connections for {calls} calls"
    );
    let in_flight = aws.most_in_flight();
    assert!(in_flight >= 16, "{in_flight} calls in flight at once");
}
