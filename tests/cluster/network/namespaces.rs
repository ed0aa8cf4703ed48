//! Nodes in network namespaces of their own, joined by wires that a test can cut: each node has an interface on a
//! bridge, and bridge and wires lie in one more namespace. Nothing of it is seen on the machine's own network.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::rpc::{PATIENCE, Socket};

/// A node's end of a wire.
const INTERFACE: &str = "eth0";
/// The bridge to which all wires lead, and the one for those that are parted from the others.
const BRIDGES: [&str; 2] = ["main", "aside"];
/// Carries bytes between its own streams and a port of the loopback of the namespace in which it runs, until either
/// side ends.
const RELAY: &str = "exec 3<>/dev/tcp/127.0.0.1/$0 4<&0 || exit 1; cat <&4 >&3 & cat <&3 & wait -n; kill $(jobs -p)";
/// A shaper through which no packet fits: what is sent is lost, and nobody is told.
const LOSE_ALL: [&str; 8] = ["root", "tbf", "rate", "8bit", "burst", "1", "latency", "1ms"];

/// Each set of wires has its own names.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Where a node runs.
#[derive(Clone)]
pub struct Place {
    namespace: String,
    /// Where the others reach it.
    pub address: String,
}

impl Place {
    /// A program that will run here.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }
}

/// Places, and the wires between them. Dropping it removes them.
pub struct Wires {
    hub: String,
    places: Vec<Place>,
}

impl Wires {
    /// So many places, each reaching each.
    ///
    /// # Errors
    /// Why this machine does not allow it.
    pub fn between(places: usize) -> Result<Self, String> {
        let name = format!("salus-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let place =
            |number: usize| Place { namespace: format!("{name}-{number}"), address: format!("10.77.0.{}", number + 1) };
        let wires = Self { hub: format!("{name}-hub"), places: (0..places).map(place).collect() };
        wires.lay().map(|()| wires)
    }

    fn lay(&self) -> Result<(), String> {
        ip(&["netns", "add", &self.hub])?;
        for bridge in BRIDGES {
            self.in_hub(&["link", "add", bridge, "type", "bridge"])?;
            self.in_hub(&["link", "set", bridge, "up"])?;
        }
        for (number, place) in self.places.iter().enumerate() {
            let (space, port) = (&place.namespace, port(number));
            ip(&["netns", "add", space])?;
            let near = ["link", "add", &port, "type", "veth", "peer", "name", INTERFACE, "address", &card(number)];
            self.in_hub(&[&near[..], &["netns", space]].concat())?;
            self.in_hub(&["link", "set", &port, "master", BRIDGES[0], "up"])?;
            let inside = |arguments: &[&str]| ip(&[&["-n", space], arguments].concat());
            inside(&["address", "add", &format!("{}/24", place.address), "dev", INTERFACE])?;
            inside(&["link", "set", INTERFACE, "up"])?;
            inside(&["link", "set", "lo", "up"])?;
            // Known for good: else the machine itself would notice a cut, and say so to whoever sends.
            for (other, far) in self.places.iter().enumerate().filter(|(other, _)| *other != number) {
                let known = ["neighbour", "add", &far.address, "lladdr", &card(other), "dev", INTERFACE];
                inside(&[&known[..], &["nud", "permanent"]].concat())?;
            }
        }
        // What the tests do later has to work, and to cut what it should.
        self.expect(true)?;
        self.mute(0)?;
        self.expect(false)?;
        self.heal();
        self.deafen(0)?;
        self.expect(false)?;
        self.heal();
        self.part(&[0]);
        self.expect(false)?;
        self.heal();
        self.expect(true)
    }

    /// Do the first two reach each other? Either way is tried: a connection takes both.
    fn expect(&self, reached: bool) -> Result<(), String> {
        for (from, to) in [(0, 1), (1, 0)] {
            let mut command = self.places[from].command(Path::new("timeout"));
            // Nobody listens there, which is said at once where packets go both ways.
            let call = format!("exec 3<>/dev/tcp/{}/1", self.places[to].address);
            command.args(["0.3", "bash", "-c", &call]).stdin(Stdio::null()).stderr(Stdio::null());
            let status = command.status().map_err(|error| error.to_string())?;
            let refused = status.code() == Some(1);
            if refused != reached {
                return Err(format!("a call from place {from} to place {to} gave {status}"));
            }
        }
        Ok(())
    }

    fn in_hub(&self, arguments: &[&str]) -> Result<(), String> {
        ip(&[&["-n", &self.hub], arguments].concat())
    }

    /// Where nodes can run.
    pub fn places(&self) -> Vec<Place> {
        self.places.clone()
    }

    /// From now on these reach each other, and none of the others.
    ///
    /// # Panics
    /// When it cannot be done.
    #[track_caller]
    pub fn part(&self, numbers: &[usize]) {
        for number in numbers {
            self.in_hub(&["link", "set", &port(*number), "master", BRIDGES[1]]).expect("a wire can be moved");
        }
    }

    /// Nothing this one sends arrives; it hears all the same.
    ///
    /// # Errors
    /// What `tc` says.
    pub fn mute(&self, number: usize) -> Result<(), String> {
        shape(&self.places[number].namespace, "replace", INTERFACE)
    }

    /// Nothing that is sent to this one arrives; the others hear it all the same.
    ///
    /// # Errors
    /// What `tc` says.
    pub fn deafen(&self, number: usize) -> Result<(), String> {
        shape(&self.hub, "replace", &port(number))
    }

    /// Each reaches each again.
    ///
    /// # Panics
    /// When it cannot be done.
    #[track_caller]
    pub fn heal(&self) {
        for (number, place) in self.places.iter().enumerate() {
            self.in_hub(&["link", "set", &port(number), "master", BRIDGES[0]]).expect("a wire can be moved");
            // There may be none, and then there is nothing to remove.
            let _ = (shape(&self.hub, "delete", &port(number)), shape(&place.namespace, "delete", INTERFACE));
        }
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        for space in self.places.iter().map(|place| &place.namespace).chain([&self.hub]) {
            // What was never laid cannot be removed.
            let _ = ip(&["netns", "delete", space]);
        }
    }
}

/// The bridge's end of a wire.
fn port(number: usize) -> String {
    format!("port{number}")
}

/// The hardware address of the node's end.
fn card(number: usize) -> String {
    format!("02:00:00:00:00:{:02x}", number + 1)
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    run("ip", arguments)
}

fn shape(namespace: &str, what: &str, interface: &str) -> Result<(), String> {
    let whole = ["-n", namespace, "qdisc", what, "dev", interface];
    let how = if what == "delete" { &LOSE_ALL[..1] } else { &LOSE_ALL[..] };
    run("tc", &[&whole, how].concat())
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let said = |what: String| format!("{program} {}: {what}", arguments.join(" "));
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| said(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(said(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// A stream to a port of a place's loopback, which nobody outside its namespace can connect with.
struct Relay {
    stream: UnixStream,
    program: Child,
}

/// Connect with an address of the loopback there.
pub fn relay(place: &Place, address: SocketAddr) -> io::Result<Box<dyn Socket>> {
    let (near, far) = UnixStream::pair()?;
    near.set_read_timeout(Some(PATIENCE))?;
    let (read, write) = (OwnedFd::from(far.try_clone()?), OwnedFd::from(far));
    let mut command = place.command(Path::new("bash"));
    command.args(["-c", RELAY, &address.port().to_string()]).stdin(read).stdout(write).stderr(Stdio::null());
    Ok(Box::new(Relay { stream: near, program: command.spawn()? }))
}

impl Read for Relay {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Relay {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It reads the end, and ends.
        let _ = self.stream.shutdown(Shutdown::Both);
        let _ = self.program.wait();
    }
}
