// Package daemon is l2tpvld: the loops that own the machines, the executor of what they want done,
// the sockets, and the API. It is the one place where time passes and things happen.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/api"
	"github.com/l2tpvl/l2tpvl/daemon/internal/events"
	"github.com/l2tpvl/l2tpvl/daemon/internal/listen"
	"github.com/l2tpvl/l2tpvl/daemon/internal/rest"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
	"github.com/l2tpvl/l2tpvl/daemon/report"
	"github.com/l2tpvl/l2tpvl/dataplane"
	"github.com/l2tpvl/l2tpvl/dataplane/kernel"
	"github.com/l2tpvl/l2tpvl/ipsec"
	"github.com/l2tpvl/l2tpvl/ipsec/guard"
	"github.com/l2tpvl/l2tpvl/vr"
	"github.com/l2tpvl/l2tpvl/vr/linux"
)

// Daemon is one l2tpvld.
type Daemon struct {
	running   atomic.Pointer[running] // written by one of the operators at a time
	operators operators
	version   string
	log       *zap.Logger
	events    *events.Log
	started   time.Time
	reloads   Reload

	supervisor Supervisor

	plane       dataplane.Plane
	planeReason string
	support     dataplane.Support // what plane was picked by
	vrs         Routers
	executor    *executor
	admission   *listen.Admission
	interfaces  interfaces
	listeners   *listen.Listeners
	guard       ipsec.Guard
	unprotected atomic.Int64 // loops that run, are to be protected and are not yet
}

// Routers gives virtual routers, as *linux.Manager does. It is safe for concurrent use.
type Routers interface {
	// Ensure gives the virtual router, and makes it if it is not there.
	Ensure(vr.Spec) (Router, error)
	// Attach has interfaces of the host be in the virtual router, whenever both are there. It tells
	// what came of each.
	Attach(s vr.Spec, wanted []vr.Attachment, told func(name string, err error)) error
	// Release lets go of a virtual router, and removes it if Ensure has made it.
	Release(vr.Spec) error
	// Close removes those that Ensure has made.
	Close() error
}

// Router is a virtual router, as *linux.Router is. It is safe for concurrent use.
type Router interface {
	dataplane.Namespace
	// Configure makes the interface of that name be as c says.
	Configure(ifname string, c vr.Interface) error
	// IsUp reports whether the interface of that name is set up.
	IsUp(ifname string) (bool, error)
}

// kernelRouters are those of the kernel.
type kernelRouters struct{ *linux.Manager }

func (r kernelRouters) Ensure(s vr.Spec) (Router, error) { return r.Manager.Ensure(s) }

// Run is the daemon from start to a clean end: it returns when ctx is done and everything is taken
// down, or at once with the error that keeps it from starting.
func Run(ctx context.Context, cfg *config.Config, reload Reload, supervisor Supervisor, version string, log *zap.Logger) error {
	d := newDaemon(cfg, version, log)
	d.reloads, d.supervisor = reload, supervisor
	d.guard = guard.New(guard.Options{Socket: cfg.Local.VICISocket, Events: d.guardEvent})
	if err := d.pickPlane(kernel.Detect()); err != nil {
		return err
	}
	return d.run(ctx, func() (Routers, error) {
		manager, err := linux.NewManager(
			func(r *linux.Router) { go d.routerGone(r.Spec()) },
			func(r *linux.Router, ifname string, up bool) { d.interfaces.turned(r.Spec(), ifname, up) },
		)
		return kernelRouters{manager}, err
	})
}

// RunOn is Run on a data plane and virtual routers that are not the system's, such as those of a
// measurement.
func RunOn(ctx context.Context, plane dataplane.Plane, routers Routers, cfg *config.Config, version string, log *zap.Logger) error {
	d := newDaemon(cfg, version, log)
	d.plane, d.planeReason = plane, "it was handed in"
	return d.run(ctx, func() (Routers, error) { return routers, nil })
}

func newDaemon(cfg *config.Config, version string, log *zap.Logger) *Daemon {
	started := time.Now()
	d := &Daemon{
		version: version, log: log, events: events.New(log, started), started: started,
		executor: newExecutor(), admission: listen.NewAdmission(),
		guard:     absentGuard{errNoGuard},
		operators: operators{disabled: make(map[linkName]bool)},
		listeners: listen.New(log, listen.OpenSocket),
	}
	d.running.Store(&running{cfg: cfg})
	return d
}

func (d *Daemon) run(ctx context.Context, routers func() (Routers, error)) error {
	d.events.Publish(api.Event{Kind: api.EventStarting, Message: "starting"}, zap.String("version", d.version),
		zap.String("dataplane", d.plane.Name()), zap.String("because", d.because()), zap.Int("peers", len(d.cfg().Peers)), zap.Int("vpns", len(d.cfg().VPNs)))

	// The socket comes first: it tells whether another daemon is serving the same configuration.
	server, err := rest.ListenUnix(ctx, d.cfg().API.Socket, d.cfg().API.Group, rest.Handler(d), d.log)
	if err != nil {
		return err
	}
	defer server.Close()
	metrics, err := d.listenMetrics()
	if err != nil {
		return err
	}
	defer metrics.Close()

	d.makeRoom()
	if d.vrs, err = routers(); err != nil {
		return fmt.Errorf("virtual routers: %w", err)
	}
	d.makeLoops()
	if err := d.listeners.Open(listenPeers(d.loops())); err != nil {
		return errors.Join(fmt.Errorf("listen for peers: %w", err), d.vrs.Close())
	}
	d.listeners.Dispatch(listenPeers(d.loops()))
	d.ensureRouters()

	d.startLoops(ctx)
	var serving sync.WaitGroup
	serving.Go(func() { d.serveAPI(server) })
	serving.Go(func() { d.serveMetrics(metrics) })
	serving.Go(func() { d.reload(ctx) })
	d.awaitEnd(ctx)
	d.listeners.Close()
	server.Close()
	metrics.Close()
	serving.Wait()
	if err := d.vrs.Close(); err != nil {
		return fmt.Errorf("remove virtual routers: %w", err)
	}
	d.log.Info("stopped")
	return nil
}

// listenMetrics opens the port of the metrics; nil: none is configured.
func (d *Daemon) listenMetrics() (*rest.Server, error) {
	at := d.cfg().Metrics.Listen
	if !at.IsValid() {
		return nil, nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", report.Collector(d.snapshot).Handler())
	server, err := rest.ListenTCP(at, mux)
	if err != nil {
		return nil, fmt.Errorf("metrics.listen: %w", err)
	}
	return server, nil
}

func (d *Daemon) serveAPI(s *rest.Server) {
	if err := s.Serve(); err != nil {
		d.events.Publish(api.Event{Kind: api.EventAPIEnded, Level: api.EventError, Message: "the API has ended", Reason: err.Error()})
	}
}

func (d *Daemon) serveMetrics(s *rest.Server) {
	if err := s.Serve(); err != nil {
		d.log.Error("the metrics page has ended", zap.String("reason", err.Error()))
	}
}

// ensureRouters makes the virtual routers, so that customers' interfaces can be put into them
// before any link is up. One that cannot be made is tried again by its links, which tell why.
func (d *Daemon) ensureRouters() {
	cfg := d.cfg()
	var making errgroup.Group
	making.SetLimit(parallel)
	for _, vpn := range cfg.VPNs {
		making.Go(func() error {
			d.attach(cfg, vpn.VR)
			if _, err := d.vrs.Ensure(wiring.Router(vpn.VR)); err != nil {
				d.log.Warn("virtual router not there yet", zap.String("vpn", vpn.Name), zap.String("reason", err.Error()))
			}
			return nil
		})
	}
	_ = making.Wait() // each has told
}

// routerGone tells the loops that a virtual router was deleted.
func (d *Daemon) routerGone(router vr.Spec) {
	d.events.Publish(api.Event{Kind: api.EventRouterGone, Level: api.EventWarn, Message: "virtual router deleted by somebody"}, zap.Stringer("vr", router))
	for _, l := range d.loops() {
		l.post(func(now time.Time) {
			l.pair.RouterGone(now, router, fmt.Sprintf("the virtual router, %s, was deleted", router), &l.out)
		})
	}
}
