//! What the calls of Beds do: who, checks, a blank line, writes, event.

use super::{Ctx, Error, Event, storage::Free};

pub fn report(ctx: &mut Ctx<'_, '_>, free: u16) -> Result<(), Error> {
    let caller = salus_system::caller(ctx).map_err(|_| Error::NotAuthorised)?;
    salus_support::ensure(caller.roles.contains(salus_primitives::subject::Roles::REGISTRAR), Error::NotAuthorised)?;

    Free::insert(ctx.state_mut(), &caller.subject, &free);
    ctx.emit(Event::Reported { hospital: caller.subject, free });
    Ok(())
}
