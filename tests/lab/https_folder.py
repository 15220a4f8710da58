"""A folder served over TLS on the loopback address, by a certificate that nobody has signed."""
import contextlib
import http.server
import re
import ssl
import subprocess
import threading


@contextlib.contextmanager
def https_folder(folder):
    """(port, SHA-256 of its certificate in hex, the paths asked for so far)."""
    cert, key, asked = folder / "cert.pem", folder / "key.pem", []
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                    "-subj", "/CN=answers", "-days", "2"], check=True, capture_output=True)
    said = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-fingerprint", "-sha256"], check=True, capture_output=True, text=True).stdout

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_):
            """A client that goes away before it has asked is no news."""

    httpd = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield httpd.server_port, re.search("=(.*)", said).group(1).replace(":", "").lower(), asked
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
