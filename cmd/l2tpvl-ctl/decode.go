package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/l2tpvl/l2tpvl/l2tp/dissect"
)

// Where L2TP is looked for: its registered port, and that of links without IPsec.
var l2tpPorts = []uint{1701, 1702}

func (a *app) decodeCommand() *cobra.Command {
	var secrets []string
	var ports []uint
	var data bool
	cmd := &cobra.Command{
		Use:   "decode FILE.pcap",
		Short: "Say in words what a capture of L2TPv3 holds",
		Long: `Say in words what L2TPv3 messages are in a capture, in pcap or pcapng: over UDP, and over IP as protocol 115. It needs no
l2tpvld.

With the shared secret it checks the digests, and reads AVPs that are hidden. That takes a capture from the SCCRQ on,
since the nonces in SCCRQ and SCCRP are part of what is signed. Where a secret is being changed, give both.

The exit code is 1 if there is no L2TP in the file, or a message that a receiver has to reject.`,
		Example: `  l2tpvl-ctl decode pe1.pcap --secret-file pe2.secret
  tcpdump -U -w - -i eth0 'udp port 1702 or ip proto 115' | l2tpvl-ctl decode - --data`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"pcap", "pcapng", "cap"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&secrets, "secret-file", nil, "`file` that holds a shared secret; may be given several times")
	flags.UintSliceVar(&ports, "port", l2tpPorts, "UDP `ports` of L2TP")
	flags.BoolVar(&data, "data", false, "list the data messages, rather than count them")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		known, err := readSecrets(secrets)
		if err != nil {
			return err
		}
		numbers, err := checkPorts(ports)
		if err != nil {
			return err
		}
		return a.decode(args[0], numbers, dissect.New(known, data))
	}
	return cmd
}

// decode shows what is in the file, also if it is damaged further on.
func (a *app) decode(name string, ports []uint16, d *dissect.Dissector) error {
	file, err := openFile(name)
	if err != nil {
		return unreadable(name, err)
	}
	defer file.Close()
	c, err := openCapture(file)
	if err != nil {
		return fmt.Errorf("%s %w", name, err)
	}
	damage := dissectCapture(c, ports, d)
	if err := show(a, d.Report(), renderReport); err != nil {
		return err
	}
	r := d.Report()
	switch {
	case damage != nil:
		return fmt.Errorf("%s %w", name, damage)
	case len(r.Messages) == 0 && len(r.Counts) == 0:
		return &noError{fmt.Sprintf("%s has no L2TP in its %d packets: neither on UDP port %s nor as IP protocol 115; "+
			"--port names others", name, c.frame, joinPorts(ports))}
	case r.Faulty():
		return &noError{}
	default:
		return nil
	}
}

// openFile opens the file, "-" for stdin.
func openFile(name string) (fs.File, error) {
	if name == "-" {
		return os.Stdin, nil
	}
	return os.Open(name)
}

func checkPorts(ports []uint) ([]uint16, error) {
	numbers := make([]uint16, len(ports))
	for i, p := range ports {
		if p == 0 || p > 0xffff {
			return nil, &valueError{fmt.Sprintf("--port %d is no UDP port: want 1 to 65535", p)}
		}
		numbers[i] = uint16(p)
	}
	return numbers, nil
}

func joinPorts(ports []uint16) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = strconv.Itoa(int(p))
	}
	return strings.Join(words, ", ")
}

// maxSecret bounds what is read of a secret file, in octets, as l2tpvld does.
const maxSecret = 4096

// readSecrets reads the files as l2tpvld reads its secret_file: one line end at the end is no part
// of the secret.
func readSecrets(names []string) ([]dissect.Secret, error) {
	var secrets []dissect.Secret
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, unreadable(name, err)
		}
		text = bytes.TrimSuffix(text, []byte("\n"))
		text = bytes.TrimSuffix(text, []byte("\r"))
		switch {
		case len(bytes.TrimSpace(text)) == 0:
			return nil, fmt.Errorf("%s holds nothing; want the secret", name)
		case len(text) > maxSecret:
			return nil, fmt.Errorf("%s holds %d octets; want a secret of at most %d", name, len(text), maxSecret)
		}
		secrets = append(secrets, dissect.Secret{Name: filepath.Base(name), Octets: text})
	}
	return secrets, nil
}

// unreadable is an error about a file, which it names once.
func unreadable(name string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	return fmt.Errorf("cannot read %s: %w", name, err)
}
