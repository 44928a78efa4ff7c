//! Answers that are held back until a test lets them go.

use tokio::sync::watch;

/// Holds the answers of a fault back, so that a test knows the moment at which something happens.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<Stage>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Waiting,
    Reached,
    Open,
}

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(Stage::Waiting))
    }
}

impl Gate {
    /// Waits until a call is carried out whose answer is held back.
    pub async fn reached(&self) {
        self.wait_for(Stage::Reached).await;
    }

    /// Lets all answers go.
    pub fn open(&self) {
        self.set(Stage::Open);
    }

    /// Holds an answer back.
    pub(crate) async fn hold(&self) {
        self.set(Stage::Reached);
        self.wait_for(Stage::Open).await;
    }

    fn set(&self, stage: Stage) {
        self.0.send_modify(|now| *now = stage.max(*now));
    }

    async fn wait_for(&self, stage: Stage) {
        // It holds a sender itself, so that waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|now| *now >= stage).await;
    }
}
