package daemon

import (
	"errors"
	"os"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
)

// attach has the interfaces towards customers be in a virtual router, now or when they are there,
// as cfg has them.
func (d *Daemon) attach(cfg *config.Config, router config.VR) {
	log := d.log.With(zap.Stringer("vr", &router))
	err := d.vrs.Attach(wiring.Router(router), wiring.Attachments(cfg.InterfacesOf(router)), func(name string, err error) {
		log := log.With(zap.String("interface", name))
		switch {
		case err == nil:
			log.Info("customer's interface attached")
		case errors.Is(err, os.ErrNotExist):
			log.Warn("customer's interface is not there yet")
		default:
			log.Error("customer's interface not attached", zap.String("reason", err.Error()))
		}
	})
	if err != nil {
		log.Error("customers' interfaces", zap.String("reason", err.Error()))
	}
}
