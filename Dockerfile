# The two programs and nothing else; `make image` builds them first. The daemon needs NET_ADMIN and
# SYS_ADMIN, /dev/net/tun and a tmpfs at /run, as in integration/compose.
FROM scratch
COPY bin/l2tpvld bin/l2tpvl-ctl /usr/bin/
ENTRYPOINT ["/usr/bin/l2tpvld"]
CMD ["--config", "/etc/l2tpvl/l2tpvl.yaml"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/usr/bin/l2tpvl-ctl", "status"]
