package daemon

import (
	"errors"
	"os"

	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/daemon/internal/wiring"
)

// attach moves the customer interfaces of a virtual router into it, now or as soon as they exist.
func (d *Daemon) attach(cfg *config.Config, router config.VR) {
	log := d.log.With(zap.Stringer("vr", &router))
	err := d.vrs.Attach(wiring.Router(router), wiring.Attachments(cfg.InterfacesOf(router)), func(name string, err error) {
		log := log.With(zap.String("interface", name))
		switch {
		case err == nil:
			log.Info("customer interface attached")
		case errors.Is(err, os.ErrNotExist):
			log.Warn("customer interface does not exist yet")
		default:
			log.Error("customer interface not attached", zap.String("reason", err.Error()))
		}
	})
	if err != nil {
		log.Error("customer interfaces not attached", zap.String("reason", err.Error()))
	}
}
