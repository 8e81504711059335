package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// metricsPage serves the metrics to Prometheus. The zero value serves nothing.
type metricsPage struct {
	http.Server
	listener net.Listener
	log      *zap.Logger
}

// listenMetrics opens the address of the configuration, if there is one.
func (d *Daemon) listenMetrics() (*metricsPage, error) {
	at := d.cfg().Metrics.Listen
	if !at.IsValid() {
		return new(metricsPage), nil
	}
	listener, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("metrics.listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.metricsHandler())
	return &metricsPage{
		Server:   http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second},
		listener: listener, log: d.log,
	}, nil
}

// metricsHandler makes the page anew for whoever asks, for one at a time.
func (d *Daemon) metricsHandler() http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{d}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 1})
}

func (p *metricsPage) serve() {
	if p.listener == nil {
		return
	}
	if err := p.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		p.log.Error("the metrics page has ended", zap.String("reason", err.Error()))
	}
}
