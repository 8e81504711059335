package daemon

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
)

// operator changes the configuration file of a running daemon, and makes the daemon reload it.
type operator struct {
	*pe
	hangups chan os.Signal
	file    config.Config
	mistake error // the error of reading the file
}

// operate makes the daemon reload what the operator writes.
func operate(t *testing.T, p *pe) *operator {
	o := &operator{pe: p, hangups: make(chan os.Signal, 1), file: *p.cfg()}
	p.reloads = Reload{When: o.hangups, File: "/etc/l2tpvl.yaml", Read: func() (*config.Config, error) {
		c := o.file
		return &c, o.mistake
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.reloadOnSignal(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return o
}

// write changes the file and sends SIGHUP.
func (o *operator) write(change func(*config.Config)) {
	o.file.Peers, o.file.VPNs = slices.Clone(o.file.Peers), slices.Clone(o.file.VPNs)
	for i := range o.file.VPNs {
		o.file.VPNs[i].Links = slices.Clone(o.file.VPNs[i].Links)
	}
	change(&o.file)
	o.hangups <- syscall.SIGHUP
	pass(time.Second)
}

func secrets(now, next string) func(*config.Config) {
	return func(c *config.Config) {
		c.Peers[0].Secret, c.Peers[0].NextSecret = config.Secret(now), nil
		if next != "" {
			c.Peers[0].NextSecret = config.Secret(next)
		}
	}
}

// Both ends change to another secret, hours apart. No link goes down.
func TestSecretsChangeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		for _, p := range []*pe{a, b} {
			p.reconfigure(func(c *config.Config) {
				// Echoes would make HELLOs unnecessary.
				c.VPNs[0].Echo, c.VPNs[1].Echo = config.Echo{}, config.Echo{}
			})
			p.start(t)
		}
		oa, ob := operate(t, a), operate(t, b)
		pass(10 * time.Second)
		since := a.allLinks(t)[1].Since
		connection := a.look(t).Connection.ID

		for _, step := range []func(){
			func() { oa.write(secrets("secret", "other")) },
			func() { ob.write(secrets("secret", "other")) },
			func() { ob.write(secrets("other", "")) },
			func() { oa.write(secrets("other", "")) },
		} {
			step()
			pass(time.Hour)
			a.isUp(t)
			b.isUp(t)
		}
		for _, p := range []*pe{a, b} {
			if n := p.logged("link down"); n != 0 {
				t.Errorf("links went down %d times, want 0", n)
			}
			if n := p.logged("secrets changed"); n != 2 {
				t.Errorf("secrets changed logged %d times, want 2", n)
			}
		}
		if now := a.look(t); now.Connection.ID != connection || a.allLinks(t)[1].Since != since {
			t.Error("the connection or the link has restarted")
		}
		// The old secret is not accepted any more.
		oa.write(secrets("secret", ""))
		pass(5 * time.Minute)
		if a.logged("link down") == 0 {
			t.Error("the old secret is still accepted")
		}
	})
}

// An invalid configuration changes nothing, and each mistake is logged.
func TestReloadInvalid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		o := operate(t, a)
		pass(10 * time.Second)
		o.mistake = errors.Join(errors.New("l2tpvl.yaml: a: invalid"), errors.New("l2tpvl.yaml: b: invalid too"))
		o.write(secrets("other", ""))
		lines := a.logs.FilterMessage("configuration not applied, nothing changed")
		if lines.Len() != 2 || lines.FilterField(zap.String("reason", "l2tpvl.yaml: b: invalid too")).Len() != 1 {
			t.Errorf("logged %v", lines.All())
		}
		pass(time.Hour)
		a.isUp(t)
		if a.logged("secrets changed")+a.logged("configuration applied") != 0 {
			t.Error("the running configuration was changed")
		}
		o.mistake = nil
		o.write(secrets("secret", "other"))
		if a.logged("secrets changed") != 1 {
			t.Error("a valid configuration was not applied after an invalid one")
		}
	})
}
