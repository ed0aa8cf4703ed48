//! Figures, gathered in sections, printed as Markdown tables.

use std::{
    fmt::Write,
    fs,
    ops::AddAssign,
    process::Command,
    time::{Duration, Instant},
};

/// One section: its title, the names of its columns, and its rows.
struct Section {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// All figures of a run.
#[derive(Default)]
pub struct Report {
    sections: Vec<Section>,
}

impl Report {
    /// Begin a section of what, figure and remark.
    pub fn section(&mut self, title: &str) {
        self.table(title, &["what", "figure", "remark"]);
    }

    /// Begin a section with these columns.
    pub fn table(&mut self, title: &str, columns: &[&str]) {
        eprintln!("bench: {title}");
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        self.sections.push(Section { title: title.into(), columns, rows: Vec::new() });
    }

    /// Add a figure to the newest section.
    pub fn row(&mut self, what: impl Into<String>, figure: impl Into<String>, remark: impl Into<String>) {
        self.line([what.into(), figure.into(), remark.into()]);
    }

    /// Add a row to the newest section, a cell for each of its columns.
    pub fn line<const CELLS: usize>(&mut self, cells: [String; CELLS]) {
        eprintln!("bench:   {}", cells.join(" | "));
        if let Some(section) = self.sections.last_mut() {
            section.rows.push(cells.into());
        }
    }

    /// What machine this is.
    pub fn machine(&mut self) {
        self.section("Machine");
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpu.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split(':').nth(1)).unwrap_or("unknown").trim().to_owned()
        };
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        self.row("processor", field("model name"), format!("{cores} cores"));
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = memory.lines().next().unwrap_or_default().replace("MemTotal:", "");
        self.row("memory", total.trim(), "");
        let output = |program: &str, arg: &str| {
            let output = Command::new(program).arg(arg).output().ok();
            output.map_or("unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        self.row("kernel", output("uname", "-sr"), "");
        self.row("compiler", output("rustc", "--version"), "release profile: opt-level 3, overflow checks on");
    }

    /// The page.
    pub fn markdown(&self) -> String {
        let mut page = String::new();
        for Section { title, columns, rows } in &self.sections {
            let rule = "---|".repeat(columns.len());
            // Writing to a String cannot fail.
            let _ = writeln!(page, "## {title}\n\n| {} |\n|{rule}", columns.join(" | "));
            for cells in rows {
                let _ = writeln!(page, "| {} |", cells.join(" | "));
            }
            page.push('\n');
        }
        page
    }
}

/// Time that passed, and time that this process had the cores for, in all its threads.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    /// By the clock.
    pub wall: Duration,
    /// On the cores, to a hundredth of a second: others that run on them do not count.
    pub cpu: Duration,
}

/// Counts both from when it was made.
pub struct Stopwatch(Instant, Duration);

impl Stopwatch {
    /// Begin now.
    pub fn start() -> Self {
        Self(Instant::now(), cpu())
    }

    /// What was spent since.
    pub fn spent(&self) -> Spent {
        Spent { wall: self.0.elapsed(), cpu: cpu().saturating_sub(self.1) }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

/// What all threads of this process used so far. Zero where the system does not say.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold anything; user and system time are the twelfth and thirteenth field after it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // A hundred ticks a second, on every Linux.
    Duration::from_millis(10 * fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>())
}

/// A quantile of sorted durations.
pub fn quantile(sorted: &[Duration], q: f64) -> Duration {
    let index = ((sorted.len() as f64 - 1.0) * q).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Milliseconds with two digits.
pub fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// A rate per second.
pub fn rate(count: usize, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

/// Bytes per second, in GB (10^9).
pub fn gb_per_s(bytes_per_second: f64) -> String {
    format!("{:.2} GB/s", bytes_per_second / 1e9)
}
