package tshark

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// RemoteEndIDs returns the value of the Remote End ID AVP of every message that has one, in the
// order of the capture. tshark's text output of a binary value is empty, so RemoteEndIDs reads the
// octets from tshark's JSON output.
func RemoteEndIDs(ctx context.Context, file string, o Options) ([][]byte, error) {
	out, err := o.run(ctx, file, "l2tp.avp.remote_end_id", "-T", "json", "-x")
	if err != nil {
		return nil, err
	}
	var packets any
	if err := json.Unmarshal(out, &packets); err != nil {
		return nil, fmt.Errorf("invalid JSON from tshark for %s: %w", file, err)
	}
	return appendEndIDs(nil, packets)
}

// appendEndIDs appends the Remote End IDs at any depth of tree. Their depth is not fixed, because
// the key of the AVP's own object varies.
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
			// A list: the octets in hexadecimal, then their position in the frame.
			if list, ok := v.([]any); ok && len(list) > 0 {
				id, err = hex.DecodeString(fmt.Sprint(list[0]))
			}
			if err != nil || len(id) == 0 {
				return nil, fmt.Errorf("unexpected format of a Remote End ID in tshark's JSON: %v", v)
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}
