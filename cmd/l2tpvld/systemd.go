package main

import (
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/l2tpvl/l2tpvl/daemon"
)

// systemd returns the supervisor that notifies systemd, or the zero value if systemd has not
// started the process with a notification socket.
func systemd(log *zap.Logger) daemon.Supervisor {
	if sent, _ := sd.SdNotify(false, "STATUS=starting"); !sent {
		return daemon.Supervisor{}
	}
	watchdog, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd watchdog disabled: invalid settings", zap.String("reason", err.Error()))
		watchdog = time.Duration(0)
	}
	return daemon.Supervisor{Watchdog: watchdog, Notify: func(state string) {
		if _, err := sd.SdNotify(false, state); err != nil {
			log.Warn("systemd not notified", zap.String("reason", err.Error()))
		}
	}}
}
