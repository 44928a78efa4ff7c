//! A process under a limit, and what it took.

use std::{
    fs,
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Clock ticks a second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    /// The most memory that was resident, in MB.
    pub(crate) resident: f64,
    pub(crate) succeeded: bool,
}

/// Returns a command that runs a program which the kernel gives no more memory than that:
/// `RLIMIT_DATA` counts all that a process has for itself and can write to (heap, stacks, private
/// mappings), touched or not.
pub(crate) fn limited(program: &str, megabytes: u64) -> Command {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -d {}; exec \"$0\" \"$@\"", megabytes * 1024),
        program,
    ]);
    command
}

/// Waits for a process and watches what it takes.
pub(crate) fn watch(mut process: Child, started: Instant) -> std::io::Result<Took> {
    let mut resident = 0.0_f64;
    loop {
        // A process that has ended still says what it computed until it is waited for, and nothing
        // of its memory.
        resident = resident.max(resident_at_most(process.id()));
        let cpu = cpu(process.id());
        if has_ended(process.id()) {
            let wall = started.elapsed().as_secs_f64();
            return Ok(Took {
                wall,
                cpu,
                resident,
                succeeded: process.wait()?.success(),
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the most memory that was resident so far, in MB.
pub(crate) fn resident_at_most(id: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}

/// State, and the fields after it.
fn fields(id: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat
        .rsplit_once(')')
        .map(|(_, fields)| fields.split_whitespace().map(str::to_owned).collect());
    fields.unwrap_or_default()
}

fn has_ended(id: u32) -> bool {
    fields(id).first().is_none_or(|state| state == "Z")
}

fn cpu(id: u32) -> f64 {
    let ticks = |field: Option<&String>| {
        field
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or_default()
    };
    let fields = fields(id);
    (ticks(fields.get(11)) + ticks(fields.get(12))) / TICKS
}
