package daemon

import (
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/l2tpvl/l2tpvl/config"
)

// NewLogger returns a logger to standard error, and its level, which can be changed.
func NewLogger(cfg config.Log) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zapcore.ParseLevel(string(cfg.Level))
	if err != nil {
		return nil, zap.AtomicLevel{}, fmt.Errorf("log.level: %w", err)
	}
	zc := zap.NewProductionConfig()
	zc.Level = zap.NewAtomicLevelAt(level)
	zc.Sampling = nil
	zc.DisableCaller, zc.DisableStacktrace = true, true
	zc.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	zc.EncoderConfig.EncodeDuration = zapcore.StringDurationEncoder
	zc.EncoderConfig.TimeKey = "time"
	if cfg.Format == config.LogConsole {
		zc.Encoding = "console"
		zc.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02 15:04:05.000")
		zc.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
	}
	log, err := zc.Build()
	return log, zc.Level, err
}

// setLevel changes the level of the log. It does nothing if Reload.Level is not set.
func (d *Daemon) setLevel(to config.LogLevel) {
	if level, err := zapcore.ParseLevel(string(to)); err == nil && d.reloads.Level != (zap.AtomicLevel{}) {
		d.reloads.Level.SetLevel(level)
	}
}
