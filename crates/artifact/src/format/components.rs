//! Components of Diffusers' `model_index.json`: `"unet": ["library", "Class"]`. A library that is none of those that
//! Diffusers knows is a Python file of the repository, or any module that happens to be installed.

use super::import_names::{self, Hit, Named};
use crate::policy;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;

/// Folders of `diffusers.pipelines`, today's and earlier ones, that an index names as library.
static PIPELINES: &[&str] = &[
    "ace_step",
    "allegro",
    "alt_diffusion",
    "amused",
    "animatediff",
    "anyflow",
    "audio_diffusion",
    "audioldm",
    "audioldm2",
    "aura_flow",
    "blip_diffusion",
    "bria",
    "bria_fibo",
    "bria_fibo2",
    "chroma",
    "chronoedit",
    "cogvideo",
    "cogview3",
    "cogview4",
    "consisid",
    "consistency_models",
    "controlnet",
    "controlnet_hunyuandit",
    "controlnet_sd3",
    "controlnet_xs",
    "cosmos",
    "dance_diffusion",
    "ddim",
    "ddpm",
    "deepfloyd_if",
    "diffusion_gemma",
    "dit",
    "dreamlite",
    "easyanimate",
    "ernie_image",
    "flux",
    "flux2",
    "glm_image",
    "helios",
    "hidream_image",
    "hunyuan_image",
    "hunyuan_video",
    "hunyuan_video1_5",
    "hunyuandit",
    "i2vgen_xl",
    "ideogram4",
    "joyimage",
    "kandinsky",
    "kandinsky2_2",
    "kandinsky3",
    "kandinsky5",
    "kandinsky6",
    "kolors",
    "krea2",
    "latent_consistency_models",
    "latent_diffusion",
    "latent_diffusion_uncond",
    "latte",
    "ledits_pp",
    "llada2",
    "longcat_audio_dit",
    "longcat_image",
    "ltx",
    "ltx2",
    "lucy",
    "lumina",
    "lumina2",
    "marigold",
    "mochi",
    "motif_video",
    "musicldm",
    "nucleusmoe_image",
    "omnigen",
    "ovis_image",
    "pag",
    "paint_by_example",
    "pia",
    "pixart_alpha",
    "pndm",
    "prx",
    "qwenimage",
    "qwenimage21",
    "repaint",
    "rfd4_proteina",
    "sana",
    "sana_video",
    "sana_wm",
    "score_sde_ve",
    "semantic_stable_diffusion",
    "shap_e",
    "skyreels_v2",
    "spectrogram_diffusion",
    "stable_audio",
    "stable_audio_3",
    "stable_cascade",
    "stable_diffusion",
    "stable_diffusion_3",
    "stable_diffusion_adapter",
    "stable_diffusion_attend_and_excite",
    "stable_diffusion_diffedit",
    "stable_diffusion_gligen",
    "stable_diffusion_k_diffusion",
    "stable_diffusion_ldm3d",
    "stable_diffusion_panorama",
    "stable_diffusion_safe",
    "stable_diffusion_sag",
    "stable_diffusion_variants",
    "stable_diffusion_xl",
    "stable_video_diffusion",
    "stochastic_karras_ve",
    "t2i_adapter",
    "text_to_video_synthesis",
    "unclip",
    "unidiffuser",
    "versatile_diffusion",
    "visualcloze",
    "vq_diffusion",
    "wan",
    "wuerstchen",
    "z_image",
];

/// True for the two names of a component whose library is none of the usual ones.
pub(super) fn may_be(texts: &[String]) -> bool {
    matches!(texts, [library, _, ..] if !matches!(library.as_str(), "diffusers" | "transformers"))
}

/// The class of a component; `None` when its library is a known one.
pub(super) fn of_component(component: &str, texts: &[String]) -> Option<Hit> {
    let [library, class, ..] = texts else { return None };
    if PIPELINES.binary_search(&library.as_str()).is_ok() {
        return None;
    }
    let evidence = format!("{component}: {library}.{class}");
    match import_names::judge(&format!("{library}.{class}")) {
        Named::Known => None,
        Named::Acting => Some(Hit::new(
            &rules::EMBEDDED_CODE,
            Dangerous,
            "names a component that runs code, files or processes",
            evidence,
        )),
        Named::Unknown => {
            let why =
                "names a component of a library that is not known: Python code of the repository or of the machine";
            let places = if import_names::is_word(component) && import_names::is_word(library) {
                vec![format!("{component}/{library}.py"), format!("{library}.py"), format!("{library}/__init__.py")]
            } else {
                Vec::new()
            };
            Some(Hit { places, ..Hit::new(&rules::REMOTE_CODE, Review, why, evidence) })
        }
    }
}

/// The class of a serialised object of LangChain and LangGraph: `"id": ["package", "module", "Class"]`.
pub(super) fn of_serialised(id: &[String]) -> Option<Hit> {
    let path = id.join(".");
    // LangChain resolves these packages by itself; whoever walks out of them is told apart.
    if id.first().is_some_and(|p| p == "langgraph" || p.starts_with("langchain")) && !import_names::reaches_out(&path) {
        return None;
    }
    match import_names::judge(&path) {
        Named::Known => None,
        Named::Acting => Some(Hit::new(&rules::EMBEDDED_CODE, Dangerous, import_names::CONFIGURED_CALL, path)),
        Named::Unknown => {
            let severity = if policy::is_known_module(&path) { Review } else { Suspicious };
            Some(Hit::new(&rules::REMOTE_CODE, severity, "names a class that LangChain imports and calls", path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PIPELINES, of_component, of_serialised};
    use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};

    #[test]
    fn libraries() {
        assert!(PIPELINES.windows(2).all(|w| w[0] < w[1]), "sorted");
        let severity = |library: &str, class: &str| {
            of_component("unet", &[library.to_owned(), class.to_owned()]).map(|h| h.severity)
        };
        assert_eq!(severity("diffusers", "UNet2DModel"), None);
        assert_eq!(severity("transformers", "CLIPTextModel"), None);
        assert_eq!(severity("stable_diffusion", "StableDiffusionSafetyChecker"), None);
        assert_eq!(severity("my_module", "MyUNet"), Some(Review));
        assert_eq!(severity("os", "system"), Some(Dangerous));
        assert!(of_component("a", &["diffusers".to_owned()]).is_none());
    }

    #[test]
    fn serialised_objects() {
        let severity = |id: &str| {
            let parts: Vec<String> = id.split('.').map(str::to_owned).collect();
            of_serialised(&parts).map(|h| h.severity)
        };
        assert_eq!(severity("langchain.prompts.prompt.PromptTemplate"), None);
        assert_eq!(severity("acme.tools.Tool"), Some(Suspicious));
        assert_eq!(severity("os.system"), Some(Dangerous));
    }
}
