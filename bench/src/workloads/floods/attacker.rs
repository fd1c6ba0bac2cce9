//! The process of the attacker. In the world it has a machine of its own; here it gets what nobody else wants of this one: it is in a
//! session of its own, of the least weight, and idle in the scheduler's sense. So it takes nothing from the relay but what the relay
//! itself does for it, and floods as hard as that allows.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::Ipv4Addr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::attack::{Done, Field, Flood};
use crate::{corpus::Index, processes::own_cpu, target::Target};

/// Who attacks.
#[derive(Debug, Clone)]
pub enum Attacker {
    /// A process of this program, which is there.
    Process(PathBuf),
    /// A thread of this process.
    #[cfg(test)]
    Thread,
}

/// What it is told, as a line of JSON; the next line is for how many milliseconds.
#[derive(Serialize, Deserialize)]
pub struct Orders {
    pub flood: Flood,
    pub target: Target,
    pub source: Option<Ipv4Addr>,
    /// What can be asked about.
    pub index: Index,
    /// Events that nobody has seen.
    pub notes: Vec<String>,
}

/// An attacker who has his orders.
pub struct Attack {
    tell: Box<dyn Write + Send>,
    hear: Box<dyn BufRead + Send>,
    child: Option<Child>,
}

const READY: &str = "ready\n";

/// The least weight of a session among others, where the kernel weighs them: like that of a process.
const NICEST: &str = "19";

impl Attacker {
    /// Lets it get everything ready.
    pub fn prepare(&self, orders: &Orders) -> anyhow::Result<Attack> {
        let mut attack = match self {
            Self::Process(program) => Attack::by_process(program)?,
            #[cfg(test)]
            Self::Thread => Attack::by_thread()?,
        };
        let mut orders = serde_json::to_vec(orders)?;
        orders.push(b'\n');
        attack.tell.write_all(&orders)?;
        attack.tell.flush()?;
        let mut answer = String::new();
        attack.hear.read_line(&mut answer)?;
        anyhow::ensure!(answer == READY, "the attacker is not ready: {answer}");
        Ok(attack)
    }
}

impl Attack {
    fn by_process(program: &PathBuf) -> anyhow::Result<Self> {
        let mut child = Command::new("setsid")
            .args(["chrt", "--idle", "0"])
            .arg(program)
            .arg("attack")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the attacker by setsid and chrt")?;
        let (tell, hear) = child.stdin.take().zip(child.stdout.take()).context("its pipes")?;
        Ok(Self {
            tell: Box::new(tell),
            hear: Box::new(BufReader::new(hear)),
            child: Some(child),
        })
    }

    #[cfg(test)]
    fn by_thread() -> anyhow::Result<Self> {
        let ((orders, tell), (hear, answers)) = (std::io::pipe()?, std::io::pipe()?);
        std::thread::spawn(move || obey(BufReader::new(orders), answers));
        Ok(Self {
            tell: Box::new(tell),
            hear: Box::new(BufReader::new(hear)),
            child: None,
        })
    }

    /// It begins, and goes on for so long.
    pub fn begin(&mut self, duration: Duration) -> anyhow::Result<()> {
        writeln!(self.tell, "{}", duration.as_millis())?;
        self.tell.flush().context("the attacker is gone")
    }

    /// What came of it, when it is over.
    pub fn end(mut self) -> anyhow::Result<Done> {
        let mut answer = String::new();
        self.hear.read_line(&mut answer)?;
        if let Some(child) = &mut self.child {
            child.wait()?;
        }
        serde_json::from_str(&answer).context("what the attacker says of his attack")
    }
}

/// Attacks as it is told, and says what came of it.
pub fn obey(mut orders: impl BufRead, mut answers: impl Write) -> anyhow::Result<()> {
    // Kernels that do not weigh sessions have no such file.
    let _weightless = fs::write("/proc/self/autogroup", NICEST);
    let mut line = String::new();
    orders.read_line(&mut line)?;
    let Orders {
        flood,
        target,
        source,
        index,
        notes,
    } = serde_json::from_str(&line).context("orders")?;
    answers.write_all(READY.as_bytes())?;
    answers.flush()?;
    line.clear();
    orders.read_line(&mut line)?;
    let duration = Duration::from_millis(line.trim().parse().context("for how long")?);
    let field = Field {
        target,
        source,
        until: Instant::now() + duration,
        index,
        notes,
        done: Done::default().into(),
    };
    let before = own_cpu()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(flood.attack(&field));
    let done = Done {
        cpu_s: (own_cpu()? - before).as_secs_f64(),
        ..field.done.into_inner()
    };
    writeln!(answers, "{}", serde_json::to_string(&done)?)?;
    answers.flush().context("saying what came of it")
}
