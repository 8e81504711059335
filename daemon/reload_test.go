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

// operator changes the configuration of a daemon that runs, and tells it.
type operator struct {
	*pe
	hangups chan os.Signal
	file    config.Config
	mistake error // what is wrong with the file
}

// operate has the daemon reload what the operator writes.
func operate(t *testing.T, p *pe) *operator {
	o := &operator{pe: p, hangups: make(chan os.Signal, 1), file: *p.cfg()}
	p.reloads = Reload{When: o.hangups, File: "/etc/l2tpvl.yaml", Read: func() (*config.Config, error) {
		c := o.file
		return &c, o.mistake
	}}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.reloadOnSignal(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-over
	})
	return o
}

// write changes the file and has it read.
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

// Two sides change over to another secret at different times, with hours between. No link goes
// down.
func TestSecretsChangeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("blue", "red")
		for _, p := range []*pe{a, b} {
			p.reconfigure(func(c *config.Config) {
				c.VPNs[0].Echo, c.VPNs[1].Echo = config.Echo{}, config.Echo{} // they would spare the Hellos
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
			if n := p.said("link down"); n != 0 {
				t.Errorf("links were down %d times", n)
			}
			if n := p.said("secrets changed"); n != 2 {
				t.Errorf("the log tells %d times of other secrets, want 2", n)
			}
		}
		if now := a.look(t); now.Connection.ID != connection || a.allLinks(t)[1].Since != since {
			t.Error("the connection or the link is another one")
		}
		// It is the other secret that counts now.
		oa.write(secrets("secret", ""))
		pass(5 * time.Minute)
		if a.said("link down") == 0 {
			t.Error("the old secret still counts")
		}
	})
}

// A configuration with mistakes changes nothing; each is logged.
func TestReloadOfMistakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoPEs("red")
		a.start(t)
		b.start(t)
		o := operate(t, a)
		pass(10 * time.Second)
		o.mistake = errors.Join(errors.New("l2tpvl.yaml: a: is wrong"), errors.New("l2tpvl.yaml: b: is wrong too"))
		o.write(secrets("other", ""))
		told := a.logs.FilterMessage("configuration not applied, nothing changed")
		if told.Len() != 2 || told.FilterField(zap.String("reason", "l2tpvl.yaml: b: is wrong too")).Len() != 1 {
			t.Errorf("told %v", told.All())
		}
		pass(time.Hour)
		a.isUp(t)
		if a.said("secrets changed")+a.said("configuration applied") != 0 {
			t.Error("something was changed")
		}
		o.mistake = nil
		o.write(secrets("secret", "other"))
		if a.said("secrets changed") != 1 {
			t.Error("a good configuration is not taken after a bad one")
		}
	})
}
