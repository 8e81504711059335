// Package daemon is l2tpvld: the loops that own the machines, the executor of what they want done, the sockets, and the
// API. It is the one place where time passes and things happen.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/userspace"
	"github.com/l2tpvl/l2tpvl/vr"
)

// Daemon is one l2tpvld.
type Daemon struct {
	cfg     *config.Config
	version string
	log     *zap.Logger
	started time.Time

	plane       dataplane.Plane
	planeReason string
	vrs         routers
	executor    *executor
	listener    *listener
	loops       []*loop // in the order of the configuration
}

// routers gives virtual routers, as *vr.Manager does.
type routers interface {
	Ensure(name string) (router, error)
}

// router is a virtual router, as *vr.Router is.
type router interface {
	dataplane.Namespace
	Configure(ifname string, c vr.Interface) error
}

// kernelRouters are those of the kernel.
type kernelRouters struct{ *vr.Manager }

func (r kernelRouters) Ensure(name string) (router, error) { return r.Manager.Ensure(name) }

// Run is the daemon from start to a clean end: it returns when ctx is done and everything is taken down, or at once with
// the error that keeps it from starting.
func Run(ctx context.Context, cfg *config.Config, version string, log *zap.Logger) error {
	d := &Daemon{cfg: cfg, version: version, log: log, started: time.Now(), executor: newExecutor()}
	d.pickPlane()
	log.Info("starting", zap.String("version", version), zap.String("dataplane", d.plane.Name()),
		zap.String("because", d.planeReason), zap.Int("peers", len(cfg.Peers)), zap.Int("vpns", len(cfg.VPNs)))

	// The socket comes first: it tells whether another daemon is serving the same configuration.
	server, err := d.listenAPI()
	if err != nil {
		return err
	}
	defer server.close()

	manager, err := vr.NewManager(func(r *vr.Router) { go d.routerGone(r.Name()) })
	if err != nil {
		return fmt.Errorf("virtual routers: %w", err)
	}
	d.vrs = kernelRouters{manager}
	d.makeLoops()
	d.listener, err = listen(netip.AddrPortFrom(cfg.Local.Address, cfg.Local.Port), d.loops, log)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for peers: %w", err), manager.Close())
	}
	d.ensureRouters()

	var serving sync.WaitGroup
	serving.Go(d.listener.run)
	serving.Go(server.serve)
	d.runLoops(ctx)
	d.listener.close()
	server.close()
	serving.Wait()
	if err := manager.Close(); err != nil {
		return fmt.Errorf("remove virtual routers: %w", err)
	}
	log.Info("stopped")
	return nil
}

func (d *Daemon) makeLoops() {
	for _, p := range d.cfg.Peers {
		d.loops = append(d.loops, newLoop(d, p))
	}
}

// runLoops runs the loops until ctx is done and all links are taken down.
func (d *Daemon) runLoops(ctx context.Context) {
	var loops sync.WaitGroup
	for _, l := range d.loops {
		loops.Go(func() { l.run(ctx) })
	}
	<-ctx.Done()
	d.log.Info("shutting down")
	loops.Wait()
	d.executor.wait()
	for _, l := range d.loops {
		l.closePath()
	}
	d.executor.wait()
}

func (d *Daemon) pickPlane() {
	d.plane = userspace.Plane{}
	if d.cfg.DataPlane != config.DataPlaneAuto {
		d.planeReason = "the configuration says so"
		return
	}
	_, d.planeReason = dataplane.Detect().Pick()
}

// ensureRouters makes the virtual routers, so that customers' interfaces can be put into them before any link is up. One
// that cannot be made is tried again by its links, which tell why.
func (d *Daemon) ensureRouters() {
	for _, vpn := range d.cfg.VPNs {
		if _, err := d.vrs.Ensure(vpn.VR.NetNS); err != nil {
			d.log.Warn("virtual router not there yet", zap.String("vpn", vpn.Name), zap.String("reason", err.Error()))
		}
	}
}

// routerGone tells the loops that a virtual router was deleted.
func (d *Daemon) routerGone(name string) {
	d.log.Warn("virtual router deleted by somebody", zap.String("netns", name))
	for _, l := range d.loops {
		l.post(func(now time.Time) {
			l.pair.RouterGone(now, name, fmt.Sprintf("the network namespace %s was deleted", name), &l.out)
		})
	}
}
