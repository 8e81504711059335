package wiring

import (
	"reflect"
	"testing"
	"time"

	"github.com/l2tpvl/l2tpvl/config"
	"github.com/l2tpvl/l2tpvl/ppp"
)

func TestAuthConfig(t *testing.T) {
	if got := authConfig(config.PPPAuth{Require: config.RequireNone, Name: "pe1"}); got != nil {
		t.Errorf("without authentication: %+v", got)
	}
	got := authConfig(config.PPPAuth{
		Require: config.RequireCHAP, Allow: []config.PPPAuthMethod{config.AllowPAP, config.AllowCHAP}, Name: "pe1", Secret: config.Secret("a"),
		PeerName: "pe2", PeerSecret: config.Secret("b"), Rechallenge: time.Minute,
	})
	want := &ppp.AuthConfig{
		Require: ppp.ProtocolCHAP, Allow: []ppp.Protocol{ppp.ProtocolPAP, ppp.ProtocolCHAP}, Name: "pe1", Secret: ppp.Secret("a"),
		PeerName: "pe2", PeerSecret: ppp.Secret("b"), Rechallenge: time.Minute,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := (&ppp.Config{Rand: Random32, Auth: got}).Validate(); err != nil {
		t.Error(err)
	}
}
