package tshark

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// RemoteEndIDs are the octets of the Remote End ID AVP of every message that has one, in the order
// of the capture. tshark prints a binary one as empty text, so they are read from the octets that
// it took them from.
func RemoteEndIDs(ctx context.Context, file string, o Options) ([][]byte, error) {
	out, err := o.run(ctx, file, "l2tp.avp.remote_end_id", "-T", "json", "-x")
	if err != nil {
		return nil, err
	}
	var packets any
	if err := json.Unmarshal(out, &packets); err != nil {
		return nil, fmt.Errorf("tshark's JSON of %s: %w", file, err)
	}
	return appendEndIDs(nil, packets)
}

// appendEndIDs finds them in any depth: the AVP's place in the tree has a name that varies.
func appendEndIDs(ids [][]byte, tree any) (_ [][]byte, err error) {
	switch tree := tree.(type) {
	case []any:
		for _, v := range tree {
			if ids, err = appendEndIDs(ids, v); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key, v := range tree {
			if key != "l2tp.avp.remote_end_id_raw" {
				if ids, err = appendEndIDs(ids, v); err != nil {
					return nil, err
				}
				continue
			}
			var id []byte
			// A list: the octets in hexadecimal, then where they were.
			if list, ok := v.([]any); ok && len(list) > 0 {
				id, err = hex.DecodeString(fmt.Sprint(list[0]))
			}
			if err != nil || len(id) == 0 {
				return nil, fmt.Errorf("tshark's JSON has a Remote End ID of another shape: %v", v)
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}
