//! The tests that cross modules, in one program: the whole pipeline against a simulated AWS and
//! simulated clusters, and the planner alone. What measures the memory of its own process is not
//! here.
#![allow(clippy::unwrap_used, reason = "tests")]

#[macro_use]
mod support;

// What is promised, and what holds whatever is stored and used.
mod acceptance;
mod graph;
mod graph_laws;
mod graph_world;
mod keep_rules;
mod laws;
mod lifecycle_import;
mod recipes;
mod saved_plans;
mod selectors;

// What is in use, and what goes wrong while it is read.
mod accounts;
mod cloudformation;
mod ecs;
mod evidence;
mod incomplete_use;
mod kubernetes;
mod lambda;
mod references;
mod services;
mod unread;

// What stops or limits a run, and what happens during one.
mod attempts;
mod budget;
mod config_recorder;
mod connections;
mod coverage;
mod distributed;
mod endings;
mod inventory_faults;
mod policy_limits;
mod races;
mod repository_tags;
mod safety_net;

// What a run keeps, says and costs.
mod archive;
mod artifacts;
mod attachments;
mod caller;
mod calls;
mod ci_docs;
mod command_page;
mod exact_sizes;
mod formats;
mod git_annotations;
mod git_docs;
mod git_export;
mod git_history;
mod hygiene;
mod links;
mod metrics;
mod notify;
mod organization;
mod output;
mod policy_tests;
mod pull_times;
mod rates;
mod reading_order;
mod reference;
mod snapshot;
mod state_store;
mod stop;
mod trust;
mod unexplained_pulls;
mod use_ledger;

// What the texts around the program say.
mod architecture;
mod infra;
mod observability;
mod rules;
