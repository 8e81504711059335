package main

import (
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/daemon"
)

// systemd is the supervisor if systemd has started us with a socket to notify it, else nobody.
func systemd(log *zap.Logger) daemon.Supervisor {
	if told, _ := sd.SdNotify(false, "STATUS=starting"); !told {
		return daemon.Supervisor{}
	}
	watchdog, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog that systemd asks for is not served", zap.String("reason", err.Error()))
		watchdog = time.Duration(0)
	}
	return daemon.Supervisor{Watchdog: watchdog, Notify: func(state string) {
		if _, err := sd.SdNotify(false, state); err != nil {
			log.Warn("systemd not notified", zap.String("reason", err.Error()))
		}
	}}
}
