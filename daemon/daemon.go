// Package daemon runs l2tpvld. A loop for each peer and class owns the machines of that peer
// (loop.go), an executor carries out their effects (execute.go), and the API answers questions and
// changes what runs. The package starts all goroutines, opens the sockets, and reads the clock; the
// machines in package session and below do none of that.
//
// Run runs the daemon with the host's data plane and virtual routers, RunOn with others. What needs
// no loop is in subpackages: daemon/report answers questions from views of the loops;
// daemon/internal/rest serves the API, listen receives first messages, wiring translates the
// configuration, and events keeps the events.
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
	running    atomic.Pointer[running] // written with operations.mu held
	operations operations
	version    string
	log        *zap.Logger
	events     *events.Log
	started    time.Time
	reloads    Reload

	supervisor Supervisor

	plane        dataplane.Plane
	planeReason  string
	support      dataplane.Support // by which plane was picked
	vrs          Routers
	executor     *executor
	admission    *listen.Admission
	interfaces   interfaces
	listeners    *listen.Listeners
	guard        ipsec.Guard
	notProtected atomic.Int64 // running loops whose protection is not in place yet
}

// Routers manages virtual routers, as *linux.Manager does. It is safe for concurrent use.
type Routers interface {
	// Ensure returns the virtual router, and creates it if it does not exist.
	Ensure(vr.Spec) (Router, error)
	// Attach moves interfaces of the host into the virtual router, each as soon as both exist. It
	// calls attached with the result for each interface.
	Attach(s vr.Spec, wanted []vr.Attachment, attached func(name string, err error)) error
	// Release stops using a virtual router, and removes it if Ensure has created it.
	Release(vr.Spec) error
	// Close removes the virtual routers that Ensure has created.
	Close() error
}

// Router is a virtual router, as *linux.Router is. It is safe for concurrent use.
type Router interface {
	dataplane.Namespace
	// Configure configures the interface of that name.
	Configure(ifname string, c vr.Interface) error
	// IsUp reports whether the interface of that name is set up.
	IsUp(ifname string) (bool, error)
}

// kernelRouters implements Routers with the kernel's virtual routers.
type kernelRouters struct{ *linux.Manager }

func (r kernelRouters) Ensure(s vr.Spec) (Router, error) { return r.Manager.Ensure(s) }

// Run runs the daemon until ctx is done, and returns when everything is taken down. It returns at
// once with an error that prevents the start.
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
			func(r *linux.Router, ifname string, up bool) { d.interfaces.stateChanged(r.Spec(), ifname, up) },
		)
		return kernelRouters{manager}, err
	})
}

// RunOn is Run with another data plane and other virtual routers than the host's, for benchmarks.
// It has no IPsec.
func RunOn(ctx context.Context, plane dataplane.Plane, routers Routers, cfg *config.Config, version string, log *zap.Logger) error {
	d := newDaemon(cfg, version, log)
	d.plane, d.planeReason = plane, "chosen by the caller"
	return d.run(ctx, func() (Routers, error) { return routers, nil })
}

func newDaemon(cfg *config.Config, version string, log *zap.Logger) *Daemon {
	started := time.Now()
	d := &Daemon{
		version: version, log: log, events: events.New(log, started), started: started,
		executor: newExecutor(), admission: listen.NewAdmission(),
		guard:      absentGuard{errNoGuard},
		operations: operations{disabled: make(map[linkName]bool)},
		listeners:  listen.New(log, listen.OpenSocket),
	}
	d.running.Store(&running{cfg: cfg})
	return d
}

func (d *Daemon) run(ctx context.Context, routers func() (Routers, error)) error {
	d.events.Publish(api.Event{Kind: api.EventStarting, Message: "starting"}, zap.String("version", d.version),
		zap.String("dataplane", d.plane.Name()), zap.String("because", d.explainPlane()), zap.Int("peers", len(d.cfg().Peers)), zap.Int("vpns", len(d.cfg().VPNs)))

	// The socket is opened first, because it shows whether another daemon serves the same
	// configuration.
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

	d.raiseFileLimit()
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
	serving.Go(func() { d.reloadOnSignal(ctx) })
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
		d.events.Publish(api.Event{Kind: api.EventAPIEnded, Level: api.EventError, Message: "API server failed", Reason: err.Error()})
	}
}

func (d *Daemon) serveMetrics(s *rest.Server) {
	if err := s.Serve(); err != nil {
		d.log.Error("metrics server failed", zap.String("reason", err.Error()))
	}
}

// ensureRouters creates the virtual routers, so that customer interfaces are attached before any
// link is up. If one cannot be created, its links try again and report why.
func (d *Daemon) ensureRouters() {
	cfg := d.cfg()
	var creating errgroup.Group
	creating.SetLimit(parallel)
	for _, vpn := range cfg.VPNs {
		creating.Go(func() error {
			d.attach(cfg, vpn.VR)
			if _, err := d.vrs.Ensure(wiring.Router(vpn.VR)); err != nil {
				d.log.Warn("virtual router not ready yet", zap.String("vpn", vpn.Name), zap.String("reason", err.Error()))
			}
			return nil
		})
	}
	_ = creating.Wait() // errors are logged
}

// routerGone notifies the loops that a virtual router was deleted.
func (d *Daemon) routerGone(router vr.Spec) {
	d.events.Publish(api.Event{Kind: api.EventRouterGone, Level: api.EventWarn, Message: "virtual router deleted by another process"}, zap.Stringer("vr", router))
	for _, l := range d.loops() {
		l.post(func(now time.Time) {
			l.pair.RouterGone(now, router, fmt.Sprintf("the virtual router, %s, was deleted", router), &l.out)
		})
	}
}
