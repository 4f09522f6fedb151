# Python's http.client: see python.py.
python_check() { python3 "$clients/python.py" "$1" "${url#http://}" "$site"; }
python_one_connection() { python_check one_connection; }
python_parts() { python_check parts; }
python_pipelined() { python_check pipelined; }
python_uploads() { python_check uploads; }
