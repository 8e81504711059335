package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// notation names the form of a value in the file, for error texts.
func notation(raw any) string {
	switch raw.(type) {
	case nil:
		return "empty"
	case string:
		return "text"
	case bool:
		return "a boolean"
	case int, int64, uint64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any, map[any]any:
		return "a table"
	}
	return "a date or time" // the remaining scalars of YAML and TOML
}

// scalar fills the value into from a scalar of the file. Numbers and booleans must have that form
// in the file; all other values must be text.
func (d decoder) scalar(path string, raw any, tag reflect.StructTag, into reflect.Value) {
	kind := kindOf(into.Type(), tag)
	want := "text"
	switch into.Kind() {
	case reflect.Bool:
		want = "a boolean"
	case reflect.Int, reflect.Uint16, reflect.Uint32:
		want = "a number"
	}
	got := notation(raw)
	if got == want {
		d.text(path, scalarText(raw), tag, into)
		return
	}
	switch {
	case tag.Get("hidden") != "":
	case got == "text":
		got = fmt.Sprintf("text %q", raw)
	case got == "a number":
		got = "the number " + scalarText(raw)
	}
	if kinds[into.Type()] == "text" {
		kind += ", in quotes"
	}
	d.add(path, "expected %s; got %s", kind, got)
}

// scalarText formats a scalar. All numbers from JSON are float64.
func scalarText(raw any) string {
	if f, ok := raw.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(raw)
}

// text fills the value into from text if the tag allows it.
func (d decoder) text(path, text string, tag reflect.StructTag, into reflect.Value) {
	value := reflect.New(into.Type()).Elem()
	err := setText(value, text)
	if err == nil {
		err = allowed(value, text, tag)
	}
	if err != nil {
		d.add(path, "%v", err)
		return
	}
	into.Set(value)
}

// setText parses text into a value of any of the kinds.
func setText(into reflect.Value, text string) error {
	var err error
	switch v := into.Addr().Interface().(type) {
	case *bool:
		*v, err = strconv.ParseBool(text)
	case *int:
		*v, err = strconv.Atoi(text)
	case *uint16:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 16)
		*v = uint16(n)
	case *uint32:
		var n uint64
		n, err = strconv.ParseUint(text, 10, 32)
		*v = uint32(n)
	case *time.Duration:
		*v, err = time.ParseDuration(text)
	case *netip.Addr:
		*v, err = netip.ParseAddr(text)
		*v = v.Unmap()
	case *netip.AddrPort:
		*v, err = netip.ParseAddrPort(text)
	case *netip.Prefix:
		*v, err = netip.ParsePrefix(text)
	case encoding.TextUnmarshaler:
		return v.UnmarshalText([]byte(text)) // these types return complete error texts
	default:
		into.SetString(text)
		if text == "" {
			return errors.New("empty value; expected text")
		}
	}
	if err != nil {
		return fmt.Errorf("%q is not %s", text, kinds[into.Type()])
	}
	return nil
}

// allowed returns an error if the tag does not allow a value; text is the value as written.
func allowed(value reflect.Value, text string, tag reflect.StructTag) error {
	if oneof := tag.Get("oneof"); oneof != "" {
		if slices.Contains(strings.Split(oneof, "|"), text) {
			return nil
		}
		return fmt.Errorf("unknown value %q; expected %s", text, either(oneof))
	}
	low, high := tag.Get("min"), tag.Get("max")
	if low != "" && number(value) < bound(value.Type(), low) {
		return fmt.Errorf("%s is below the minimum; expected at least %s", text, low)
	}
	if high != "" && number(value) > bound(value.Type(), high) {
		return fmt.Errorf("%s is above the maximum; expected at most %s", text, high)
	}
	return nil
}

// bound returns the number in text, parsed as a value of type t.
func bound(t reflect.Type, text string) int64 {
	value := reflect.New(t).Elem()
	if err := setText(value, text); err != nil {
		return 0 // cannot happen: TestTagsAreValues parses all bounds
	}
	return number(value)
}

func number(value reflect.Value) int64 {
	if value.CanUint() {
		return int64(value.Uint())
	}
	return value.Int()
}
