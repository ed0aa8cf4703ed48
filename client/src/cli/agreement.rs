//! Calls that a second person agrees to: with both keys in one folder they are submitted at once; where the other
//! key is on another machine, what has to be signed goes into a file (`salus cosign`).

use std::path::{Path, PathBuf};

use salus_client::chain::{Chain, HandOver, Receipt};
use salus_primitives::{AccountId, crypto::KeyPair};
use salus_runtime::RuntimeCall;

use super::{error::CliError, files, output::Output, session::Session};

/// Where a call goes that somebody elsewhere has to agree to.
#[derive(clap::Args, Debug, Default)]
pub struct HandOverTo {
    /// Submit nothing: write what the other key has to sign to this new file (see `salus cosign`). No key is opened.
    #[arg(long, value_name = "FILE")]
    pub cosign_out: Option<PathBuf>,
}

/// A key's holder.
enum Party {
    /// The key is here and open.
    Here(KeyPair),
    /// Only its public half is known.
    Elsewhere(AccountId),
}

impl Party {
    fn account(&self) -> AccountId {
        match self {
            Self::Here(pair) => pair.public(),
            Self::Elsewhere(account) => *account,
        }
    }
}

/// Who signs a call: one submits, the others agree.
pub struct Signers {
    submitter: Party,
    agreeing: Vec<Party>,
    out: Option<PathBuf>,
}

/// What became of a call.
pub enum Done {
    /// It is final.
    Final(Box<Receipt>),
    /// It waits for agreement in a file.
    HandedOver(PathBuf, Box<HandOver>),
}

impl Session {
    /// Who signs: `submitter` by the name of a key, the others by name or address. Keys are opened only where the
    /// call is submitted at once.
    pub fn signers(&self, to: HandOverTo, submitter: &str, agreeing: &[&str]) -> Result<Signers, CliError> {
        let out = to.cosign_out;
        let party = |text: &str| match (text.parse::<AccountId>(), &out) {
            (Ok(account), Some(_)) => Ok(Party::Elsewhere(account)),
            (Ok(_), None) => Err(CliError::Usage(format!(
                "{text} is an address, and its key signs too: name a key of your folder, or hand the call over with \
                 --cosign-out FILE"
            ))),
            (Err(_), Some(_)) => Ok(Party::Elsewhere(self.account(text)?)),
            (Err(_), None) => Ok(Party::Here(self.key(text)?)),
        };
        let (submitter, agreeing) =
            (party(submitter)?, agreeing.iter().map(|text| party(text)).collect::<Result<_, _>>()?);
        Ok(Signers { submitter, agreeing, out })
    }

    /// An account by its address, or by the name of a signing key: no passphrase is needed for it.
    pub fn account(&self, text: &str) -> Result<AccountId, CliError> {
        if let Ok(account) = text.parse() {
            return Ok(account);
        }
        let file = self.key_file(text)?;
        match (file.kind(), <[u8; 32]>::try_from(file.public())) {
            (salus_client::keystore::KeyKind::Account, Ok(key)) => Ok(AccountId(key)),
            (other, _) => Err(CliError::Usage(format!("key {text} is {other}, one that signs is needed"))),
        }
    }
}

impl Signers {
    /// Who submits.
    pub fn submitter(&self) -> AccountId {
        self.submitter.account()
    }

    /// The first who agrees; who submits where nobody has to.
    pub fn other(&self) -> AccountId {
        self.agreeing.first().unwrap_or(&self.submitter).account()
    }

    /// Submit `call` and wait until it is final, or write what has to be agreed to.
    pub async fn submit(
        self,
        session: &Session,
        chain: &Chain,
        doing: &str,
        call: RuntimeCall,
    ) -> Result<Done, CliError> {
        if let Some(path) = self.out {
            if self.agreeing.is_empty() {
                return Err(CliError::Usage("nobody has to agree to this call: leave --cosign-out out".to_owned()));
            }
            let needed = self.agreeing.iter().map(Party::account).collect();
            let made = chain.hand_over(self.submitter.account(), &call, needed).await?;
            files::create(&path, &made.to_json())?;
            return Ok(Done::HandedOver(path, Box::new(made)));
        }
        let here = |party: &Party| match party {
            Party::Here(pair) => Ok(pair.clone()),
            Party::Elsewhere(account) => Err(CliError::Usage(format!("the key of {account} is not here"))),
        };
        let submitter = here(&self.submitter)?;
        let agreeing: Vec<KeyPair> = self.agreeing.iter().map(here).collect::<Result<_, _>>()?;
        let agreeing: Vec<&KeyPair> = agreeing.iter().collect();
        let receipt = session.wait(doing, chain.submit_cosigned(&submitter, call, &agreeing)).await?;
        Ok(Done::Final(Box::new(receipt)))
    }
}

impl Done {
    /// What to tell first: `sentence` when it is done.
    pub fn title(&self, sentence: &str) -> String {
        match self {
            Self::Final(_) => sentence.to_owned(),
            Self::HandedOver(path, _) => format!(
                "Nothing is submitted yet. Send {path} to who has to agree (salus cosign sign {path} --key NAME), \
                 take it back and submit it (salus cosign submit {path}); submit nothing else meanwhile.",
                path = path.display()
            ),
        }
    }

    /// `output` with where it stands.
    pub fn end(&self, output: Output) -> Output {
        match self {
            Self::Final(receipt) => output.with_receipt(receipt),
            Self::HandedOver(path, made) => {
                let needed: Vec<String> = made.needed().iter().map(ToString::to_string).collect();
                output
                    .with_text("file", path.display())
                    .with_text("submitter", made.submitter())
                    .with("nonce", made.nonce())
                    .with("needed", needed)
            }
        }
    }
}

/// Put `made` in the place of what `path` holds: whole or not at all.
pub fn replace(path: &Path, made: &HandOver) -> Result<(), CliError> {
    files::replace(path, &made.to_json())
}

/// Read what somebody hands over.
pub fn read(path: &Path) -> Result<HandOver, CliError> {
    Ok(HandOver::from_json(&files::read(path)?).map_err(salus_client::chain::SubmitError::from)?)
}
