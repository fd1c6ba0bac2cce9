//! Workers in processes of their own, to be killed.

use std::{
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
};

use fred::interfaces::ListInterface;

use crate::fixture::{Fixture, Ledger, until};

/// Tells the child whose queue it works on.
const NAMESPACE: &str = "QUEUE_TEST_NAMESPACE";

/// Jobs that the worker in the other process runs at a time; it takes two more in advance.
pub const CONCURRENCY: usize = 8;

/// A worker in a process of its own; killed when dropped.
pub struct WorkerProcess(Child);

impl WorkerProcess {
    /// Runs this test program again, with nothing but [`a_worker_in_a_process_of_its_own`].
    pub fn start(queue: &Fixture) -> Self {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program)
            .args([
                "--exact",
                "process::a_worker_in_a_process_of_its_own",
                "--ignored",
            ])
            .env(NAMESPACE, &queue.namespace)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        until("the process ends", async || self.0.try_wait().unwrap().is_some()).await;
        self.0.wait().unwrap()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The numbers of the jobs that the process has begun.
pub async fn begun(queue: &Fixture) -> Vec<u32> {
    queue
        .redis
        .lrange(witness(&queue.namespace), 0, -1)
        .await
        .unwrap()
}

fn witness(namespace: &str) -> String {
    format!("{namespace}begun")
}

#[tokio::test]
#[ignore = "not a test: others run it as a process to be killed"]
async fn a_worker_in_a_process_of_its_own() {
    let Ok(namespace) = std::env::var(NAMESPACE) else {
        return;
    };
    let queue = Fixture::of(namespace).await;
    let ledger = Ledger {
        witness: Some((queue.redis.clone(), witness(&queue.namespace))),
        ..Ledger::default()
    };
    let worker = queue.worker("process", CONCURRENCY, &Arc::new(ledger)).await;
    worker.task.await.unwrap();
}
