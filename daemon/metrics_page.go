package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/daemon/report"
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
	mux.Handle("GET /metrics", report.Collector(d.snapshot).Handler())
	return &metricsPage{
		Server:   http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second},
		listener: listener, log: d.log,
	}, nil
}

func (p *metricsPage) serve() {
	if p.listener == nil {
		return
	}
	if err := p.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		p.log.Error("the metrics page has ended", zap.String("reason", err.Error()))
	}
}
