#!/usr/bin/env python3
"""Writes random secrets in the ways that files write them, and says which `casemate detect` misses.

    python3 bench/detect_syntaxes.py target/release/casemate [VALUES_A_FORM]
"""
import base64, json, os, random, string, subprocess, sys, tempfile

random.seed(7)
A=string.ascii_letters+string.digits
def tok(n=32,a=A): return ''.join(random.choice(a) for _ in range(n))
def pw(): return ''.join(random.choice(A+'!@#$%^&*') for _ in range(14))
hexd='0123456789abcdef'
T={
'env':'API_KEY={v}\n','env export':'export SECRET_KEY="{v}"\n','env sq':"export AUTH_TOKEN='{v}'\n",'powershell':'$env:API_TOKEN = "{v}"\n','cmd':'set API_KEY={v}\n','setx':'setx API_KEY "{v}"\n','fish':'set -x API_TOKEN {v}\n',
'yaml':'database:\n  password: {p}\n','yaml q':'api_key: "{v}"\n','yaml list':'env:\n  - name: API_TOKEN\n    value: {v}\n','k8s stringData':'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  api-key: {v}\n','k8s data b64':'apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ntype: Opaque\ndata:\n  password: {b}\n',
'helm':'auth:\n  clientSecret: {v}\n','compose':'services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: {p}\n','compose list':'    environment:\n      - MYSQL_ROOT_PASSWORD={p}\n','gh actions':'env:\n  DEPLOY_TOKEN: {v}\n','gitlab ci':'variables:\n  DEPLOY_KEY_SECRET: "{v}"\n','jenkins':"withEnv(['API_TOKEN={v}'])\n",'circle':'      environment:\n        NPM_AUTH_TOKEN: {v}\n','travis':'env:\n  global:\n    - API_SECRET={v}\n',
'json':'{{"api_key": "{v}"}}\n','json camel':'{{"clientSecret":"{v}"}}\n','json nested':'{{"db":{{"user":"app","password":"{p}"}}}}\n','json esc':'{{"body":"{{\\"access_token\\":\\"{v}\\"}}"}}\n','json name/value':'{{"name":"API_TOKEN","value":"{v}"}}\n','json Key/Value':'{{"Key": "secret_key", "Value": "{v}"}}\n',
'xml el':'<password>{p}</password>\n','xml attr':'<add key="ApiSecret" value="{v}" />\n','xml attr2':'<connection user="a" password="{p}" />\n','web.config':'<add name="db" connectionString="Server=db;Database=x;User Id=sa;Password={p};" />\n','maven':'<server><id>x</id><username>u</username><password>{p}</password></server>\n','plist':'<key>APIKey</key>\n<string>{v}</string>\n','android strings':'<string name="api_secret">{v}</string>\n','spring xml':'<property name="password" value="{p}"/>\n',
'ini':'[db]\npassword = {p}\n','ini sp':'secret_key={v}\n','toml':'api_token = "{v}"\n','toml sec':'[registry]\ntoken = "{v}"\n','properties':'spring.datasource.password={p}\n','properties2':'app.jwt.secret: {v}\n','gradle':'signingPassword=\'{p}\'\n','netrc':'machine api.internal.net login bob pass''word {p}\n','pgpass':'db.internal:5432:app:bob:{p}\n','htpasswd':'','npmrc':'//registry.internal.net/:_authToken={v}\n','npmrc auth':'_auth={b}\n','pypirc':'[pypi]\nusername = __token__\npassword = {v}\n','docker auth':'{{"auths":{{"r.internal.net":{{"auth":"{ub}"}}}}}}\n','git-credentials':'https://bob:{q}@git.internal.net\n',
'Dockerfile ENV':'ENV API_TOKEN={v}\n','Dockerfile ENV sp':'ENV API_TOKEN {v}\n','Dockerfile ARG':'ARG SECRET_KEY={v}\n','Dockerfile RUN':'RUN curl -H "Authorization: Bearer {v}" https://x.internal.net/\n',
'terraform':'  password = "{p}"\n','terraform var':'variable "api_token" {{\n  type = string\n  default = "{v}"\n}}\n','tfvars':'db_password = "{p}"\n','tf secret':'  secret_string = "{v}"\n','tf jsonenc':'  secret_string = jsonencode({{ password = "{p}" }})\n','ansible':'- name: x\n  vars:\n    vault_pass: {p}\n','cloudformation':'Parameters:\n  DBPassword:\n    Type: String\n    Default: {p}\n','pulumi':'config:\n  app:apiKey: {v}\n',
'python':'API_KEY = "{v}"\n','python dict':"conf = {{'secret': '{v}'}}\n",'python kw':'client = Client(api_key="{v}")\n','python os':'os.environ["API_TOKEN"] = "{v}"\n','python pw':'conn = psycopg2.connect(host="db", user="u", password="{p}")\n','python fstr':'headers = {{"Authorization": f"Bearer {v}"}}\n','js':'const apiKey = "{v}";\n','js bt':'const token = `{v}`;\n','ts':'private readonly secretKey: string = "{v}";\n','java':'private static final String API_KEY = "{v}";\n','java set':'props.setProperty("db.password", "{p}");\n','go':'apiKey := "{v}"\n','go struct':'cfg := Config{{Token: "{v}"}}\n','rust':'let api_key = "{v}";\n','rust const':'const SECRET: &str = "{v}";\n','c':'#define API_KEY "{v}"\n','c char':'const char *password = "{p}";\n','c#':'var clientSecret = "{v}";\n','php':"define('SECRET_KEY', '{v}');\n",'php arr':"'password' => '{p}',\n",'ruby':"secret_key_base = '{v}'\n",'ruby sym':"  api_key: '{v}',\n",'ruby hash':":password => '{p}'\n",'perl':"my $password = '{p}';\n",'kotlin':'val apiKey = "{v}"\n','swift':'let apiKey: String = "{v}"\n','scala':'val password = "{p}"\n','lua':'local token = "{v}"\n','r':'api_key <- "{v}"\n','elixir':'config :app, secret_key_base: "{v}"\n','clojure':'{{:api-key "{v}"}}\n','dart':"const apiKey = '{v}';\n",'matlab':"token = '{v}';\n",'vb':'Dim password As String = "{p}"\n','groovy':'def apiKey = "{v}"\n',
'notebook':'{{"cells":[{{"cell_type":"code","source":["api_key = \\"{v}\\"\\n"]}}]}}\n','notebook env':'{{"source":["%env API_TOKEN={v}\\n"]}}\n',
'url user':'postgres://app:{q}@db.internal:5432/x\n','url redis':'redis://:{q}@cache.internal:6379/0\n','url mongo':'mongodb+srv://app:{q}@c0.internal.net/x\n','url amqp':'amqp://app:{q}@mq.internal//\n','jdbc':'jdbc:mysql://db.internal:3306/x?user=app&password={q}\n','jdbc ora':'jdbc:oracle:thin:app/{q}@db.internal:1521:x\n','url query':'https://api.internal.net/v1/x?api_key={v}\n','url token':'https://api.internal.net/x?access_token={v}&y=1\n','odbc':'Driver={{SQL Server}};Server=db;Uid=app;Pwd={p};\n','adonet':'Data Source=db;User ID=app;Password={p};Encrypt=True\n','azure storage':'AccountName=x;AccountKey={k64}==;EndpointSuffix=core.windows.net\n',
'header bearer':'Authorization: Bearer {v}\n','header basic':'Authorization: Basic {ub}\n','header x':'X-Api-Key: {v}\n','header x2':'x-auth-token: {v}\n','header token':'Authorization: Token {v}\n','curl -u':'curl -u bob:{p14} https://x.internal.net\n','curl user':'curl --user "bob:{p14}" https://x.internal.net\n','curl H':"curl -H 'X-Api-Key: {v}' https://x.internal.net\n",'wget':'wget --password={p14} https://x.internal.net\n','mysql -p':'mysql -u root -p{p14} app\n','psql env':'PGPASSWORD={p14} psql -h db\n','sshpass':"sshpass -p '{p}' ssh bob@h\n",'docker login':'docker login -u bob -p {p14} r.internal.net\n','cli flag':'deploy --api-key {v} --region eu\n','cli flag eq':'deploy --token={v}\n','cookie':'Cookie: session_token={v}; theme=dark\n','set-cookie':'Set-Cookie: auth_token={v}; HttpOnly\n',
'sql create user':"CREATE USER app WITH PASSWORD '{p}';\n",'sql identified':"CREATE USER 'app'@'%' IDENTIFIED BY '{p}';\n",'sql alter':"ALTER ROLE app PASSWORD '{p}';\n",'sql insert':"INSERT INTO settings (name, value) VALUES ('api_secret', '{v}');\n",'sql mssql':"CREATE LOGIN app WITH PASSWORD = N'{p}';\n",'sql grant':"GRANT ALL ON x.* TO 'app'@'h' IDENTIFIED BY '{p}';\n",'sql update':"UPDATE users SET password='{p}' WHERE id=1;\n",
'chat':'the password is {p}\n','chat2':'here is my api key: {v}\n','chat3':'Passwort: {p}\n','chat4':'user: bob pass: {p}\n','log':'2026-01-02 INFO login token={v} ok\n','md':'- **Password**: `{p}`\n','md table':'| api key | {v} |\n','csv':'user,api_key\nbob,{v}\n','nginx':'proxy_set_header X-Api-Key "{v}";\n','apache':'SetEnv DB_PASSWORD "{p}"\n','systemd':'Environment="API_TOKEN={v}"\n','crontab':'API_TOKEN={v}\n*/5 * * * * x\n','vault':'vault kv put secret/app password={p14}\n','kubectl':'kubectl create secret generic x --from-literal=password={p14}\n','aws cli':'aws configure set aws_secret_access_key {k40}\n','github out':'echo "::set-output name=token::{v}"\n','make':'API_KEY := {v}\n','cmake':'set(API_KEY "{v}")\n','proto':'api_key: "{v}"\n','graphql':'{{ login(password: "{p}") }}\n','ldap':'ldapsearch -D cn=x -w {p14}\n','smtp':'SMTP_PASS={p}\n','wifi':'wpa_passphrase={p}\n','ppk':'','openvpn':'','hcl vault':'token = "{v}"\n','saml':'',
}
N=int(sys.argv[2]) if len(sys.argv)>2 else 12
rows=[];meta={}
for k,t in T.items():
    if not t: continue
    for i in range(N):
        v=tok(random.choice([24,32,40,43]), random.choice([A,hexd,A]))
        if len(v)==43 and set(v)<=set(hexd): v+='a'
        p=pw().replace("'",'x').replace('"','x'); p14=tok(14)
        q=tok(16); b=base64.b64encode(pw().encode()).decode(); ub=base64.b64encode(('bob:'+tok(14)).encode()).decode(); k64=tok(86); k40=tok(40)
        if any(x in t for x in ['{p}']): p=tok(6)+random.choice('!@#%*_-')+tok(6)
        s=t.format(v=v,p=p,q=q,b=b,ub=ub,k64=k64,k40=k40,p14=p14)
        id=f'{k}|{i}'; rows.append({'id':id,'text':s}); meta[id]=[x for x in (v,p,q,b,ub,k64,k40,p14) if x in s]
folder=tempfile.mkdtemp(); given=os.path.join(folder,'in.jsonl')
open(given,'w').writelines(json.dumps(r)+'\n' for r in rows)
out=subprocess.run([sys.argv[1],'detect',given,'--kinds','secrets'],capture_output=True,text=True).stdout
hit={}
for l in out.splitlines():
    r=json.loads(l); k=r['id'].split('|')[0]
    t=[x['text'] for x in rows if x['id']==r['id']][0]
    ok=any(any(t[f['start']:f['end']] in m or m in t[f['start']:f['end']] for m in meta[r['id']]) for f in r['findings'])
    hit.setdefault(k,[0,[]]); hit[k][0]+=ok
    if not ok: hit[k][1].append(t)
tot=sum(h for h,_ in hit.values())
print(tot,'of',len(rows))
for k,(h,bad) in sorted(hit.items(),key=lambda x:x[1][0]):
    if h<N: print(f'{h:3}/{N} {k:16} {bad[0]!r:.120}')
