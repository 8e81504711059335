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

// l2tpPorts are the default UDP ports: L2TP's registered one, and l2tpvld's default for clear
// links.
var l2tpPorts = []uint{1701, 1702}

func (a *app) decodeCommand() *cobra.Command {
	var secrets []string
	var ports []uint
	var data bool
	cmd := &cobra.Command{
		Use:   "decode FILE.pcap",
		Short: "Print the L2TPv3 messages in a capture file",
		Long: `Print the L2TPv3 messages in a pcap or pcapng file, over UDP and over IP (protocol 115), and count
the data messages. This command needs no l2tpvld. The file - is standard input.

With the shared secret, digests are checked and hidden AVPs are decrypted. This requires a capture
from the SCCRQ on, because the digests depend on the nonces in SCCRQ and SCCRP. If the secret was
changed during the capture, give both secrets.

The exit status is 1 if the file has no L2TP, or has a message that a receiver must reject.`,
		Example: `  l2tpvl-ctl decode pe1.pcap --secret-file pe2.secret
  tcpdump -U -w - -i eth0 'udp port 1702 or ip proto 115' | l2tpvl-ctl decode - --data`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"pcap", "pcapng", "cap"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&secrets, "secret-file", nil, "`file` with a shared secret; may be repeated")
	flags.UintSliceVar(&ports, "port", l2tpPorts, "UDP `ports` of L2TP")
	flags.BoolVar(&data, "data", false, "list the data messages instead of counting them")
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

// decode shows the messages in the file. If the file is damaged, it shows those before the damage.
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
		return &negativeError{fmt.Sprintf("%s has no L2TP in its %d packets, neither on UDP port %s nor as IP protocol 115; "+
			"use --port for other ports", name, c.frame, joinPorts(ports))}
	case r.Faulty():
		return &negativeError{}
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
			return nil, &valueError{fmt.Sprintf("--port %d is not a UDP port; want 1 to 65535", p)}
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

// maxSecret is the largest secret in octets, as in l2tpvld.
const maxSecret = 4096

// readSecrets reads the files as l2tpvld reads its secret_file: a line end at the end of the file
// is not part of the secret.
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
			return nil, fmt.Errorf("%s is empty; want the secret", name)
		case len(text) > maxSecret:
			return nil, fmt.Errorf("%s has %d octets; want a secret of at most %d", name, len(text), maxSecret)
		}
		secrets = append(secrets, dissect.Secret{Name: filepath.Base(name), Octets: text})
	}
	return secrets, nil
}

// unreadable returns an error about a file that names it once.
func unreadable(name string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	return fmt.Errorf("cannot read %s: %w", name, err)
}
