package pppd

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/l2tpvl/l2tpvl/integration/pppd/hdlc"
	"github.com/l2tpvl/l2tpvl/ppp"
)

// end is our end of the line: a Link and the loop that owns it.
type end struct {
	device *device
	events *journal[ppp.Event]

	// The other fields belong to the loop.
	line     *os.File // the master of a pty
	link     *ppp.Link
	out      ppp.Output
	decoder  *hdlc.Decoder
	received chan []byte // from the line
	packets  chan []byte // from the device
	calls    chan func(now time.Time)
	done     chan struct{} // closed by the loop when calls is closed
	up       bool
	silent   bool  // ignores received frames and sends none
	compress bool  // sends packets with PFC and ACFC
	late     bool  // late frames may be received in the wrong phase
	err      error // first error of the device or the line
}

// newEnd starts our end of a line. The lower layer is up as soon as the first frame is received,
// and stays up (RFC 1662, section 2).
func newEnd(t *testing.T, line *os.File, cfg ppp.Config) *end {
	t.Helper()
	cfg.Rand = rand.Uint32
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	longest := 4 + cmp.Or(int(cfg.MRU), 1500) // Address, Control, Protocol, Information
	e := &end{
		device: newDevice(t), events: newJournal[ppp.Event](), line: line, link: ppp.New(cfg), decoder: hdlc.NewDecoder(longest),
		received: make(chan []byte), packets: make(chan []byte), calls: make(chan func(time.Time)), done: make(chan struct{}),
	}
	e.decoder.Receiving = hdlc.DefaultACCM
	go e.read(e.line, e.received)
	go e.read(e.device.file, e.packets)
	go e.run()
	t.Cleanup(func() {
		close(e.calls)
		<-e.done
		e.line.Close()
		e.device.file.Close()
		e.check(t)
	})
	return e
}

// check fails the test if a frame was damaged, or discarded without a known reason.
func (e *end) check(t *testing.T) {
	status := e.link.Status()
	for reason, n := range status.Discards {
		switch reason := ppp.Discard(reason); {
		case n == 0:
		case reason == ppp.DiscardBadID:
			// A second answer to a request that we repeated, because the virtual machine is slow.
		case reason == ppp.DiscardWrongPhase && e.late:
		default:
			t.Errorf("%d frames discarded: %v", n, reason)
		}
	}
	if status.Illegal > 0 {
		t.Errorf("%d illegal events", status.Illegal)
	}
	if e.decoder.Discarded != (hdlc.Discarded{}) {
		t.Errorf("invalid frames on the line: %+v", e.decoder.Discarded)
	}
	if e.err != nil {
		t.Error(e.err)
	}
	if t.Failed() {
		for _, event := range e.events.all() {
			t.Logf("our event %#v", event)
		}
		t.Logf("our status: %+v", status)
	}
}

// read passes the octets that it reads to the loop, until the file is closed or the loop ends.
func (e *end) read(file *os.File, to chan<- []byte) {
	buf := make([]byte, 1<<16)
	for {
		n, err := file.Read(buf)
		if err != nil {
			return
		}
		select {
		case to <- slices.Clone(buf[:n]):
		case <-e.done:
			return
		}
	}
}

func (e *end) run() {
	defer close(e.done)
	timer := time.NewTimer(0)
	for {
		timer.Stop()
		if deadline := e.link.Deadline(); !deadline.IsZero() {
			timer.Reset(time.Until(deadline))
		}
		select {
		case octets := <-e.received:
			for frame := range e.decoder.Frames(octets) {
				e.receive(time.Now(), frame)
			}
		case packet := <-e.packets:
			e.sendPacket(packet)
		case <-timer.C:
			e.link.Advance(time.Now(), &e.out)
		case call, ok := <-e.calls:
			if !ok {
				return
			}
			call(time.Now())
		}
		e.drain()
	}
}

// do calls f in the loop.
func (e *end) do(f func(now time.Time)) {
	done := make(chan struct{})
	e.calls <- func(now time.Time) {
		f(now)
		close(done)
	}
	<-done
}

func (e *end) receive(now time.Time, frame []byte) {
	const header = 4 // Address, Control, Protocol: not compressed, as we do not request it
	if e.silent || len(frame) < header {
		return
	}
	if !e.up {
		e.up = true
		e.link.Up(now, &e.out)
	}
	switch status := e.link.Status(); ppp.Protocol(binary.BigEndian.Uint16(frame[2:header])) {
	case ppp.ProtocolIPv4:
		e.receivePacket(now, frame[header:], status.IPCP)
	case ppp.ProtocolIPv6:
		e.receivePacket(now, frame[header:], status.IPV6CP)
	default:
		e.link.Receive(now, frame, &e.out)
		e.drain()
	}
}

// receivePacket passes a packet to the device if its control protocol, which is in the given state,
// is Opened. The kernel at pppd's end may send the first packets before that, and the last after
// it.
func (e *end) receivePacket(now time.Time, packet []byte, state ppp.State) {
	e.link.DataReceived(now)
	if state == ppp.Opened {
		_, err := e.device.file.Write(packet)
		e.keep(err)
	}
}

// drain sends the frames of the Link and applies its events.
func (e *end) drain() {
	for frame := range e.out.Frames() {
		e.send(append([]byte{0xff, 0x03}, frame...))
	}
	for _, event := range e.out.Events {
		e.keep(e.device.apply(event))
		e.events.add(event)
	}
	e.out.Reset()
}

// sendPacket sends a packet if its control protocol is Opened.
func (e *end) sendPacket(packet []byte) {
	protocol, state := ppp.ProtocolIPv4, e.link.Status().IPCP
	if packet[0]>>4 == 6 {
		protocol, state = ppp.ProtocolIPv6, e.link.Status().IPV6CP
	}
	if state != ppp.Opened {
		return
	}
	if e.compress {
		e.send(append([]byte{byte(protocol)}, packet...))
	} else {
		e.send(append([]byte{0xff, 0x03, 0, byte(protocol)}, packet...))
	}
}

func (e *end) send(frame []byte) {
	if !e.silent {
		_, err := e.line.Write(hdlc.AppendFrame(nil, frame, hdlc.DefaultACCM))
		e.keep(err)
	}
}

// keep stores the first error, for check.
func (e *end) keep(err error) {
	if e.err == nil {
		e.err = err
	}
}

// await waits for the first event that equals want, and takes it from the journal.
func (e *end) await(t *testing.T, want ppp.Event) {
	t.Helper()
	e.events.await(t, fmt.Sprintf("our event %#v", want), func(got ppp.Event) bool { return got == want })
}

// openPTY returns the master of a new pty and the slave's name. The slave is in raw mode from the
// start, and remains usable when pppd closes it.
func openPTY(t *testing.T) (master *os.File, slave string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var errIoctl error
	err = raw.Control(func(fd uintptr) {
		if errIoctl = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); errIoctl == nil {
			number, errIoctl = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil || errIoctl != nil {
		t.Fatalf("pty: %v, %v", err, errIoctl)
	}
	slave = fmt.Sprintf("/dev/pts/%d", number)
	fd, err := unix.Open(slave, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	termios := unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B38400}
	termios.Cc[unix.VMIN] = 1
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &termios); err != nil {
		t.Fatal(err)
	}
	return master, slave
}
